"""Two accounts to sign in with; their passwords come from outside and have no default."""

import hashlib
import secrets

from seeder import rows


@rows(
    table="users",
    key="email",
    env=["ADMIN_PASSWORD", "MANAGER_PASSWORD"],
    columns={
        "organization_id": {"ref": "organizations"},
        "role_id": {"ref": "roles"},
        # Inserted once, so that a password that somebody changes stays; and in no ledger.
        "password_hash": {"update": "never", "secret": True},
    },
)
def accounts(context):
    yield {
        "email": "admin@example.test",
        "name": "Ada",
        "password_hash": password_hash(context.env["ADMIN_PASSWORD"]),
        "organization_id": "workshop",
        "role_id": "system_admin",
    }
    yield {
        "email": "manager@example.test",
        "name": "Mel",
        "password_hash": password_hash(context.env["MANAGER_PASSWORD"]),
        "organization_id": "workshop",
        "role_id": "manager",
    }


def password_hash(password):
    """Hash as Werkzeug's `generate_password_hash` does, so that the application can check it."""
    if not password:
        raise ValueError("a password is empty")
    n, r, p = 2**15, 8, 1
    salt = secrets.token_urlsafe(12)
    digest = hashlib.scrypt(
        password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=132 * n * r * p
    )
    return f"scrypt:{n}:{r}:{p}${salt}${digest.hex()}"
