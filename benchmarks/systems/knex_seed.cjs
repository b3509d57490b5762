// Knex: batchInsert, as a seed file does it.
const fs = require("node:fs");
const knex = require("knex")({ client: "pg", connection: {} }); // PGHOST and the others

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
