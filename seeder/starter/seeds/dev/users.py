"""A developer's account in the default organization."""

import hashlib
import secrets

from seeder import rows


@rows(
    table="users",
    key="email",
    env=["DEV_PASSWORD"],  # has no default: a run in dev without it is refused
    environments=["dev"],
    columns={
        "organization_id": {"ref": "organizations"},
        "role_id": {"ref": "roles"},
        # Inserted once: the salt makes every hash another one, and a password that a developer
        # has changed stays. Secret: the hash is in no ledger, plan, report or log.
        "password_hash": {"update": "never", "secret": True},
    },
)
def developer_account(context):
    yield {
        "email": "dev@example.test",
        "name": "Developer",
        "password_hash": password_hash(context.env["DEV_PASSWORD"]),
        "organization_id": "default",
        "role_id": "developer",
    }


def password_hash(password: str) -> str:
    """Hash as Werkzeug's `generate_password_hash` does, so that Flask can check it."""
    if not password:
        raise ValueError("DEV_PASSWORD is empty")
    n, r, p = 2**15, 8, 1
    salt = secrets.token_urlsafe(12)
    digest = hashlib.scrypt(
        password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=132 * n * r * p
    )
    return f"scrypt:{n}:{r}:{p}${salt}${digest.hex()}"
