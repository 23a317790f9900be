"""The traffic of a live run: who asks what from where. Simulated, against mocked models; no key is a real one.

Attacks among ordinary users. Each attack has addresses of its own, so that what must be found in the log can be told
from this page alone; each ordinary part looks like one of the attacks.
"""

from __future__ import annotations

from live_proxy import Request

WALKED = ("small", "large", *(f"model-{number:02}" for number in range(1, 13)))
MODELS = {**dict.fromkeys(WALKED, "ok"), "busy": "litellm.RateLimitError"}

OFFICE, NIGHTLY, MONITOR = "127.10.0.1", "127.20.0.1", "127.30.0.1"
FLEET = tuple(f"127.40.0.{number}" for number in range(1, 7))
STUFFER, PROBER, REVERSE_PROXY = "127.66.0.7", "127.88.0.3", "127.99.0.4"
CUSTOMERS = tuple(f"127.77.0.{number}" for number in range(1, 8))
OTHER_CUSTOMERS = tuple(f"127.78.0.{number}" for number in range(1, 7))

STAFF = tuple(f"staff-{number:02}" for number in range(1, 13))
STOLEN = tuple(f"stolen-{number:02}" for number in range(1, 12))
SERVICES = ("nightly-batch", "monitor", "web-shop")
FRANK = "frank"  # his key is the one that the stuffing finds; it is sold on
MALLORY = "mallory"  # she shares her own key
TRENT = "trent"  # his key walks over the models


def key_of(user: str) -> str:
    """The key that the gate accepts as this user's."""
    return f"sk-live-{user}"


KEYS = {
    key_of(user): {"user_id": user, "team_id": team}
    for team, users in {
        "staff": STAFF,
        "services": SERVICES,
        "sales": (FRANK, MALLORY, *STOLEN),
        "research": (TRENT,),
    }.items()
    for user in users
}


def office_hours() -> tuple[Request, ...]:
    """Twelve users behind one address (a NAT); two of them mistype their key and then get it right."""
    calm = tuple(
        Request(OFFICE, key_of(user), model, words=40 + 15 * number)
        for number, user in enumerate(STAFF)
        for model in ("small", "large")
    )
    first, second, third, *_ = STAFF
    mistyped = (
        Request(OFFICE, "sk-live-staf-01", status=401),
        Request(OFFICE, "sk-live-sttaff-01", status=401),
        Request(OFFICE, key_of(first)),
        Request(OFFICE, "sk-live-staff02", status=401),
        Request(OFFICE, key_of(second)),
    )
    unknown_model = (Request(OFFICE, key_of(third), "smal", status=400), Request(OFFICE, key_of(third)))
    return calm + mistyped + unknown_model


def key_rotation() -> tuple[Request, ...]:
    """One program goes on with its old key until it is given the new one."""
    return (*(Request(FLEET[0], "sk-live-web-shop-of-last-year", status=401) for _ in range(12)), *fleet())


def fleet() -> tuple[Request, ...]:
    """One service whose workers have an address each."""
    return tuple(Request(source, key_of("web-shop"), words=300) for source in FLEET)


def outage() -> tuple[Request, ...]:
    """A model has too much to do: one program tries it again and again, and gets through with another model."""
    refused = tuple(Request(OFFICE, key_of(STAFF[3]), "busy", status=429) for _ in range(12))
    return (*refused, Request(OFFICE, key_of(STAFF[3])))


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
    """Long prompts of one job at one address: more tokens than a sold key spends."""
    return tuple(Request(NIGHTLY, key_of("nightly-batch"), "large", words=60_000) for _ in range(12))


def stuffing() -> tuple[Request, ...]:
    """Many keys from one address, the last of which is someone's."""
    wrong = tuple(Request(STUFFER, f"sk-leaked-{number:03}", status=401) for number in range(25))
    return (*wrong, *(Request(STUFFER, key_of(FRANK), words=8) for _ in range(3)))


def resale(user: str, customers: tuple[str, ...]) -> tuple[Request, ...]:
    """One user's key at work from many addresses at once: some 110,000 tokens an address."""
    return tuple(Request(source, key_of(user), "large", words=27_500) for _ in range(4) for source in customers)


def reverse_proxy() -> tuple[Request, ...]:
    """Many stolen keys behind one address, each far below a user's budget: 2.2 million tokens together."""
    return tuple(Request(REVERSE_PROXY, key_of(user), "large", words=67_000) for _ in range(3) for user in STOLEN)


def probing() -> tuple[Request, ...]:
    """One key asks every model for one token."""
    return tuple(Request(PROBER, key_of(TRENT), model, words=1, max_tokens=1) for model in WALKED)


def whole_day() -> tuple[Request, ...]:
    """Everything, in the order in which it is sent."""
    return (
        *office_hours(),
        *health_checks(),
        *key_rotation(),
        *stuffing(),
        *nightly_batch(),
        *resale(FRANK, CUSTOMERS),
        *outage(),
        *resale(MALLORY, OTHER_CUSTOMERS),
        *reverse_proxy(),
        *probing(),
        *fleet(),
        *office_hours(),
        *health_checks(),
    )
