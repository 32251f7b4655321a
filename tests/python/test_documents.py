"""The documents name tests as proofs. A name that no test has proves nothing."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ["core", "server", "tests", "cli", "ffi"]


def defined() -> set[str]:
    names = set()
    for place in PLACES:
        for path in [*(ROOT / place).rglob("*.rs"), *(ROOT / place).rglob("*.py")]:
            text = path.read_text(encoding="utf-8")
            names.update(re.findall(r"\b(?:fn|def) ([a-z0-9_]+)\s*[(<]", text))
    return names


class Documents(unittest.TestCase):
    def test_every_proof_in_the_threat_model_exists(self):
        text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
        # Names of tests are sentences; codes such as `not_found` are two words at most.
        named = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`", text))
        self.assertGreater(len(named), 40)
        self.assertEqual(named - defined(), set())

    def test_links_between_documents_lead_somewhere(self):
        for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]:
            text = path.read_text(encoding="utf-8")
            for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", text):
                found = (path.parent / target).resolve() if target else path
                self.assertTrue(found.exists(), f"{path.name}: {target}")
                if anchor and found.suffix == ".md":
                    headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.M)
                    slugs = {
                        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                        for heading in headings
                    }
                    self.assertIn(anchor, slugs, f"{path.name}: {target}")


if __name__ == "__main__":
    unittest.main()
