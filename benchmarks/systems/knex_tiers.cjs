// Rows of the comparison's story as Knex' seed files ship them: as its stub does, or by upsert.
const fs = require("node:fs");
const knex = require("knex")({ client: "pg", connection: {} }); // PGHOST and the others

const ways = {
  async stub(rows) {
    await knex("tiers").del();
    await knex("tiers").insert(rows);
  },
  async merge(rows) {
    await knex("tiers").insert(rows).onConflict("code").merge();
  },
};

async function main(way, path) {
  await ways[way](JSON.parse(fs.readFileSync(path, "utf8")));
  await knex.destroy();
}

main(process.argv[2], process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});
