"""The project directory: seeder.toml, which files belong to it, their fingerprint, its Python."""
