// Knex: batchInsert, as a seed file does it.
const fs = require("node:fs");
const knex = require("knex")({
  client: "pg",
  connection: connectionOf(new URL(process.env.DATABASE_URL)),
});

function connectionOf(url) {
  return {
    host: url.searchParams.get("host"),
    port: Number(url.searchParams.get("port")),
    user: "postgres",
    database: url.pathname.slice(1),
  };
}

async function main(path) {
  const [head, ...lines] = fs.readFileSync(path, "utf8").trimEnd().split("\n");
  const columns = head.split(",");
  const rows = lines.map((line) => {
    const values = line.split(",");
    return Object.fromEntries(columns.map((name, n) => [name, values[n]]));
  });
  await knex.batchInsert("items", rows, 1000);
  await knex.destroy();
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
