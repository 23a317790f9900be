"""The techniques that rules about AI APIs name, as small tables: MITRE ATT&CK v19 (Enterprise) and MITRE ATLAS 5.6.0.

ATT&CK is not carried whole. A technique that is listed with all its sub-techniques is in ``COMPLETE``, so that a wrong
sub-technique of it can be told; of a technique that is not listed nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique or sub-technique. ``tactics`` are those it serves, spelled as Sigma tags spell them."""

    id: str
    name: str
    tactics: tuple[str, ...] = ()


TACTICS: frozenset[str] = frozenset(
    {
        "reconnaissance",
        "resource-development",
        "initial-access",
        "execution",
        "persistence",
        "privilege-escalation",
        "stealth",
        "defense-impairment",
        "defense-evasion",  # until v18, and still in the tag appendix of the Sigma specification 2.1.0
        "credential-access",
        "discovery",
        "lateral-movement",
        "collection",
        "command-and-control",
        "exfiltration",
        "impact",
    }
)

SPLIT: Mapping[str, frozenset[str]] = {"defense-evasion": frozenset({"stealth", "defense-impairment"})}
"""Tactics that v19 split, with what became of them; both spellings are accepted."""


def _family(tactics: str, parent: str, name: str, *subs: str) -> list[Technique]:
    """A technique and its sub-techniques .001, .002 and so on; a name that is empty is left out."""
    served = tuple(tactics.split())
    found = [Technique(parent, name, served)]
    found += [Technique(f"{parent}.{number:03}", f"{name}: {sub}", served) for number, sub in enumerate(subs, 1) if sub]
    return found


_CLOUD = (
    _family("reconnaissance", "T1595", "Active Scanning",
            "Scanning IP Blocks", "Vulnerability Scanning", "Wordlist Scanning"),
    _family("initial-access", "T1190", "Exploit Public-Facing Application"),
    _family("initial-access persistence privilege-escalation stealth", "T1078", "Valid Accounts",
            "Default Accounts", "Domain Accounts", "Local Accounts", "Cloud Accounts"),
    _family("persistence privilege-escalation", "T1098", "Account Manipulation",
            "Additional Cloud Credentials", "Additional Email Delegate Permissions", "Additional Cloud Roles",
            "SSH Authorized Keys", "Device Registration", "Additional Container Cluster Roles",
            "Additional Local or Domain Groups"),
    _family("persistence", "T1136", "Create Account", "Local Account", "Domain Account", "Cloud Account"),
    # Until v18 also defense-evasion.
    _family("lateral-movement defense-evasion", "T1550", "Use Alternate Authentication Material",
            "Application Access Token", "Pass the Hash", "Pass the Ticket", "Web Session Cookie"),
    _family("credential-access", "T1110", "Brute Force",
            "Password Guessing", "Password Cracking", "Password Spraying", "Credential Stuffing"),
    _family("credential-access", "T1528", "Steal Application Access Token"),
    _family("credential-access", "T1552", "Unsecured Credentials",
            "Credentials In Files", "Credentials in Registry", "Shell History", "Private Keys",
            "Cloud Instance Metadata API", "Group Policy Preferences", "Container API", "Chat Messages"),
    _family("discovery", "T1087", "Account Discovery",
            "Local Account", "Domain Account", "Email Account", "Cloud Account"),
    _family("discovery", "T1526", "Cloud Service Discovery"),
    _family("discovery", "T1580", "Cloud Infrastructure Discovery"),
    _family("collection", "T1119", "Automated Collection"),
    _family("command-and-control", "T1090", "Proxy",
            "Internal Proxy", "External Proxy", "Multi-hop Proxy", "Domain Fronting"),
    _family("exfiltration", "T1020", "Automated Exfiltration", "Traffic Duplication"),
    _family("exfiltration", "T1030", "Data Transfer Size Limits"),
    _family("exfiltration", "T1567", "Exfiltration Over Web Service",
            "Exfiltration to Code Repository", "Exfiltration to Cloud Storage",
            "Exfiltration to Text Storage Sites", "Exfiltration Over Webhook"),
    _family("impact", "T1496", "Resource Hijacking",
            "Compute Hijacking", "Bandwidth Hijacking", "SMS Pumping", "Cloud Service Hijacking"),
    _family("impact", "T1498", "Network Denial of Service", "Direct Network Flood", "Reflection Amplification"),
    _family("impact", "T1499", "Endpoint Denial of Service",
            "OS Exhaustion Flood", "Service Exhaustion Flood", "Application Exhaustion Flood",
            "Application or System Exploitation"),
    _family("impact", "T1657", "Financial Theft"),
)  # fmt: skip
_PARTIAL = (
    _family("defense-impairment", "T1685", "Disable or Modify Tools", "", "Disable or Modify Cloud Log"),
    _family("defense-impairment", "T1686", "Disable or Modify System Firewall", "Cloud Firewall"),
)

ATTACK: Mapping[str, Technique] = {one.id: one for family in (*_CLOUD, *_PARTIAL) for one in family}
"""ATT&CK techniques by their id (``T1110.004``)."""

COMPLETE: frozenset[str] = frozenset(family[0].id for family in _CLOUD)
"""Techniques of which every sub-technique is listed."""

RENAMED: Mapping[str, str] = {
    "T1562": "T1685",
    "T1562.001": "T1685",
    "T1562.007": "T1686.001",
    "T1562.008": "T1685.002",
}
"""Ids that v19 withdrew, with those that took their place."""

ATLAS: Mapping[str, Technique] = {
    f"AML.{number}": Technique(f"AML.{number}", name)
    for number, name in (
        ("T0005.001", "Train Proxy via Replication"),
        ("T0006", "Active Scanning"),
        ("T0008.005", "AI Service Proxies"),
        ("T0012", "Valid Accounts"),
        ("T0014", "Discover AI Model Family"),
        ("T0015", "Evade AI Model"),
        ("T0021", "Establish Accounts"),
        ("T0024", "Exfiltration via AI Inference API"),
        ("T0024.000", "Infer Training Data Membership"),
        ("T0024.001", "Invert AI Model"),
        ("T0024.002", "Extract AI Model"),
        ("T0029", "Denial of AI Service"),
        ("T0034", "Cost Harvesting"),
        ("T0034.000", "Excessive Queries"),
        ("T0034.001", "Resource-Intensive Queries"),
        ("T0034.002", "Agentic Resource Consumption"),
        ("T0040", "AI Model Inference API Access"),
        ("T0042", "Verify Attack"),
        ("T0046", "Spamming AI System with Chaff Data"),
        ("T0048.000", "Financial Harm"),
        ("T0048.004", "AI Intellectual Property Theft"),
        ("T0051.000", "LLM Prompt Injection: Direct"),
        ("T0053", "AI Agent Tool Invocation"),
        ("T0054", "LLM Jailbreak"),
        ("T0055", "Unsecured Credentials"),
        ("T0075", "Cloud Service Discovery"),
        ("T0091.000", "Application Access Token"),
    )
}
"""ATLAS techniques by their id (``AML.T0034.000``)."""

NAMESPACES: frozenset[str] = frozenset({"attack", "atlas", "car", "cve", "d3fend", "detection", "stp", "tlp"})
"""Namespaces of tags: those of the Sigma specification 2.1.0, and ``atlas``, which is our own."""
