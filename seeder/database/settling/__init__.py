"""Commands by people: adopt, resolve, restore, undo, export."""
