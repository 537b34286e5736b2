"""Who is who: names, the password file, and sign-in names that nobody can type."""

from pathlib import Path

import pytest

from reasonrank.errors import InputError
from reasonrank.review.identity import PasswordFile, hub_identity, local_identity
from reasonrank.review.values import Identity


def test_a_password_file_knows_its_people(tmp_path: Path) -> None:
    people = PasswordFile(tmp_path / "people")
    people.set("Ada", "correct horse", "annotator")
    people.set("Lea", "battery staple", "lead")
    assert people.check("Ada", "correct horse") == Identity("Ada", "annotator")
    assert people.check("Lea", "battery staple") == Identity("Lea", "lead")
    assert people.check("Ada", "battery staple") is None
    assert people.check("Bo", "correct horse") is None
    people.set("Ada", "another one", "lead")
    assert people.check("Ada", "correct horse") is None
    assert (people.role("Ada"), people.role("Bo")) == ("lead", None)
    text = (tmp_path / "people").read_text()
    assert "another one" not in text and text.count("$argon2id$") == 2
    assert (tmp_path / "people").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("name", "password"), [("Ada", "short"), ("a\tb", "long enough"), ("hf:Ada", "long enough")])
def test_unusable_names_and_passwords_are_refused(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(InputError):
        PasswordFile(tmp_path / "people").set(name, password, "annotator")


def test_names_are_trimmed_and_cannot_pose_as_signed_in() -> None:
    assert local_identity("  Ada ", leads=["Lea"]) == Identity("Ada", "annotator")
    assert local_identity("Lea", leads=["Lea"]).role == "lead"
    assert local_identity("Ada").role == "lead"  # alone on one's own machine
    assert hub_identity("ada", leads=["ada"]) == Identity("hf:ada", "lead")
    assert hub_identity("bo", leads=["ada"]) == Identity("hf:bo", "annotator")
    for name in ("hf:ada", "", " ", "x" * 81, "a\nb"):
        with pytest.raises(InputError):
            local_identity(name)
