"""The traffic of a live run: who asks what from where. Simulated, against mocked models; no key is a real one.

Three attacks among ordinary users. Each attack has addresses and keys of its own, so that what must be found in
the log can be told from this page alone.
"""

from __future__ import annotations

from live_proxy import Request

WALKED = ("small", "large", *(f"model-{number:02}" for number in range(1, 13)))
MODELS = {**dict.fromkeys(WALKED, "ok"), "busy": "litellm.RateLimitError"}

OFFICE, NIGHTLY, MONITOR = "127.10.0.1", "127.20.0.1", "127.30.0.1"
STUFFER = "127.66.0.7"
RESALE = tuple(f"127.77.0.{number}" for number in range(1, 8))
PROBER = "127.88.0.3"

TEAMS = {
    "alice": "web",
    "bob": "web",
    "carol": "data",
    "dave": "data",
    "nightly-batch": "data",
    "monitor": "platform",
    "frank": "sales",  # his key is the one that the stuffing finds
    "mallory": "sales",  # her key is sold on
    "trent": "research",  # his key walks over the models
}


def key_of(user: str) -> str:
    """The key that the gate accepts as this user's."""
    return f"sk-live-{user}"


KEYS = {key_of(user): {"user_id": user, "team_id": team} for user, team in TEAMS.items()}


def office_hours() -> tuple[Request, ...]:
    """Four users behind one address; two of them mistype their key and then get it right."""
    calm = tuple(
        Request(OFFICE, key_of(user), model, words=40 + 15 * number)
        for number in range(4)
        for user in ("alice", "bob", "carol", "dave")
        for model in ("small", "large")
    )
    mistyped = (
        Request(OFFICE, "sk-live-alcie", status=401),
        Request(OFFICE, "sk-live-alic", status=401),
        Request(OFFICE, key_of("alice")),
        Request(OFFICE, "sk-live-dav", status=401),
        Request(OFFICE, key_of("dave")),
    )
    unknown_model = (Request(OFFICE, key_of("bob"), "smal", status=400), Request(OFFICE, key_of("bob")))
    return calm + mistyped + unknown_model


def outage() -> tuple[Request, ...]:
    """A model has too much to do: one program tries it again and again, and gets through with another model."""
    refused = tuple(Request(OFFICE, key_of("carol"), "busy", status=429) for _ in range(15))
    return (*refused, Request(OFFICE, key_of("carol")))


def health_checks() -> tuple[Request, ...]:
    """A monitor asks for the health, the list of models, and one tiny completion, again and again."""
    key = key_of("monitor")
    once = (
        Request(MONITOR, key, path="/health/liveliness"),
        Request(MONITOR, key, path="/v1/models"),
        Request(MONITOR, key, words=1, max_tokens=1),
    )
    return once * 6


def nightly_batch() -> tuple[Request, ...]:
    """Long prompts of one job at one address: more tokens than the resale uses."""
    return tuple(Request(NIGHTLY, key_of("nightly-batch"), "large", words=60_000) for _ in range(12))


def stuffing(tries: int = 25) -> tuple[Request, ...]:
    """Many keys from one address, the last of which is someone's."""
    wrong = tuple(Request(STUFFER, f"sk-leaked-{number:03}", status=401) for number in range(tries))
    return (*wrong, *(Request(STUFFER, key_of("frank"), words=8) for _ in range(3)))


def resale(words: int = 12_000) -> tuple[Request, ...]:
    """One user's key at work from seven addresses at once."""
    return tuple(
        Request(source, key_of("mallory"), "large", words=words + 500 * place)
        for _ in range(6)
        for place, source in enumerate(RESALE)
    )


def probing() -> tuple[Request, ...]:
    """One key asks every model for one token."""
    return tuple(Request(PROBER, key_of("trent"), model, words=1, max_tokens=1) for model in WALKED)


def whole_day() -> tuple[Request, ...]:
    """Everything, in the order in which it is sent."""
    return (
        *office_hours(),
        *health_checks(),
        *stuffing(),
        *nightly_batch(),
        *resale(),
        *outage(),
        *office_hours(),
        *probing(),
        *health_checks(),
    )
