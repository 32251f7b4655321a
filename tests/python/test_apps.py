"""What no compiler here reads: sources of the packages for phones are parsed, and said to be no more.

The screens and the parts that need Android's or Apple's own libraries are compiled where those are (see
docs/apps.md). Here a slip of the pen is found, and a list that two platforms have to share is compared.
"""

import os
import plistlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Parser

ROOT = Path(__file__).parents[2]
FFI = ROOT / "ffi"
GUIDE = ROOT / "docs" / "apps.md"
LANGUAGES = {
    "kotlin": Language(tree_sitter_kotlin.language()),
    "swift": Language(tree_sitter_swift.language()),
}
# What a build makes beside the sources.
MADE = {"build", ".build", "Generated"}


def written(directory, *endings):
    """The files of a directory with one of these endings, without what a build made."""
    files = (path for ending in endings for path in directory.rglob(f"*{ending}"))
    return sorted(path for path in files if not MADE.intersection(path.relative_to(FFI).parts))


def faults(language, text):
    """Where a text is no text of its language, by line."""

    def walk(node):
        if node.type == "ERROR" or node.is_missing:
            yield node.start_point.row + 1
        for child in node.children:
            if child.has_error:
                yield from walk(child)

    return list(walk(Parser(LANGUAGES[language]).parse(text.encode()).root_node))


class Sources(unittest.TestCase):
    """An app's team would find at their first build what nobody here looked at."""

    def test_the_parser_finds_a_slip(self):
        self.assertEqual(faults("swift", "func a() {}"), [])
        self.assertNotEqual(faults("swift", "func a( {}"), [])
        self.assertNotEqual(faults("kotlin", "fun a( {}"), [])

    def test_swift_sources_parse(self):
        files = written(FFI / "swift", ".swift")
        self.assertGreater(len(files), 8)
        for file in files:
            self.assertEqual(faults("swift", file.read_text()), [], file)

    def test_kotlin_sources_for_android_parse(self):
        kotlin = written(FFI / "kotlin", ".kt")
        files = [file for file in kotlin if "android" in file.relative_to(FFI).parts]
        self.assertGreater(len(files), 3)
        for file in files + written(FFI / "kotlin", ".kts"):
            self.assertEqual(faults("kotlin", file.read_text()), [], file)

    def test_screens_stay_screens(self):
        for file in (
            FFI / "kotlin/sample/src/android/kotlin/sample/MainActivity.kt",
            FFI / "swift/Sample/Sources/SampleApp/SampleApp.swift",
        ):
            self.assertLessEqual(len(file.read_text().splitlines()), 150, file)

    def test_manifests_and_rules_are_well_formed(self):
        for file in written(FFI / "kotlin", ".xml"):
            ET.parse(file)
        privacy = plistlib.loads((FFI / "swift/Sources/Waymark/PrivacyInfo.xcprivacy").read_bytes())
        self.assertFalse(privacy["NSPrivacyTracking"])
        self.assertEqual(privacy["NSPrivacyCollectedDataTypes"], [])

    def test_snippets_of_the_guide_parse(self):
        blocks = re.findall(r"^```(kotlin|swift)[^\n]*\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
        self.assertGreater(len(blocks), 5)
        for language, text in blocks:
            self.assertEqual(faults(language, text), [], text)

    def test_scripts_can_be_started(self):
        for script in ("kotlin/build-aar", "kotlin/run-tests", "swift/build-xcframework", "swift/run-tests"):
            self.assertTrue(os.access(FFI / script, os.X_OK), script)


class Libraries(unittest.TestCase):
    """Phones with pages of 16 KB would not load the library, or everybody would load our symbols."""

    def test_only_a_stripped_and_aligned_library_is_fit_for_the_aar(self):
        with tempfile.TemporaryDirectory() as made:
            source = Path(made) / "a.c"
            source.write_text("int kept(void) { return 1; }")
            for name, options, is_fit in (
                ("fit", ("-Wl,-z,max-page-size=16384", "-s"), True),
                ("symbols", ("-Wl,-z,max-page-size=16384",), False),
                ("pages", ("-Wl,-z,max-page-size=4096", "-s"), False),
            ):
                library = Path(made) / f"{name}.so"
                subprocess.run(["cc", "-shared", *options, "-o", library, source], check=True)
                check = [FFI / "kotlin/build-aar", "--check", library]
                looked = subprocess.run(check, capture_output=True, text=True)
                self.assertEqual(looked.returncode, 0 if is_fit else 1, looked.stderr)

    def test_the_android_package_has_the_version_of_the_workspace(self):
        manifest = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^version = "(.*)"$', manifest, re.M)[1]
        properties = (FFI / "kotlin/gradle.properties").read_text()
        self.assertIn(f"waymark.version={version}\n", properties)


class OneFormat(unittest.TestCase):
    """A widget on one platform would write what the app does not read."""

    def test_the_writers_of_the_drop_box_agree_with_its_decision(self):
        decision = (ROOT / "docs/adr/0039-a-drop-box-of-sealed-files.md").read_text()
        keys = re.findall(r"^\| (\d) \|", decision, re.M)
        self.assertEqual(keys, [str(number) for number in range(8)])
        for writer in (
            "kotlin/waymark/src/main/kotlin/waymark/DropBox.kt",
            "swift/Sources/WaymarkDropBox/DropBox.swift",
        ):
            text = (FFI / writer).read_text()
            self.assertIn('"waymark/1 drop box"', text, writer)
            self.assertEqual(re.findall(r"\.key\((\d)\)", text), keys, writer)
            for file in (".tmp", ".intent"):
                self.assertIn(file, text, writer)
