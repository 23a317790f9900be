"""The proxy's custom_auth: keys.json beside this file says which key belongs to whom. Runs inside the proxy."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi import HTTPException, Request
from litellm.proxy._types import UserAPIKeyAuth


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    """The owner of a known key; any other key is refused with 401."""
    owner = json.loads(Path(__file__).with_name("keys.json").read_text(encoding="utf-8")).get(api_key)
    if owner is None:
        raise HTTPException(status_code=401, detail="invalid key")
    return UserAPIKeyAuth(api_key=api_key, **owner)
