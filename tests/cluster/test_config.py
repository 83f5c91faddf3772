"""How the stand-in reads its configuration and tokens: k3s's rules, without a host."""

from pathlib import Path

import pytest

from tests.cluster.standin import flags, log, nodepassword, tokens, yamlish


def parse(folder: Path, *argv: str, command: str = "agent", **files: str) -> dict[str, object]:
    config = folder / "config.yaml"
    config.write_text(files.get("main", ""))
    (folder / "config.yaml.d").mkdir()
    for name in ("first", "second"):
        if name in files:
            (folder / "config.yaml.d" / f"{name}.yaml").write_text(files[name])
    given = flags.parse(command, ["--config", str(config), *argv])
    del given["config"]
    return given


def test_the_command_line_is_stronger_than_the_file(tmp_path: Path) -> None:
    given = parse(tmp_path, "--node-name=b", main="node-name: a\nserver: https://s:6443\n")

    assert given == {"node-name": "b", "server": "https://s:6443"}


def test_lists_of_the_command_line_come_after_those_of_the_file(tmp_path: Path) -> None:
    given = parse(tmp_path, "--node-label", "c=d", main="node-label: [a=b]\n")

    assert given["node-label"] == ["a=b", "c=d"]


def test_a_later_drop_in_replaces_a_list_unless_its_key_ends_in_a_plus(tmp_path: Path) -> None:
    given = parse(
        tmp_path,
        main="node-label: [a=1]\nkubelet-arg: [x=1]\n",
        first="node-label: [b=2]\nkubelet-arg+: [y=2]\n",
        second="node-name: last\n",
    )

    assert given["node-label"] == ["b=2"]
    assert given["kubelet-arg"] == ["x=1", "y=2"]
    assert given["node-name"] == "last"


def test_an_unknown_key_is_skipped_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse(tmp_path, main="nonsense: 1\ntls-san: [a]\n") == {}

    said = capsys.readouterr().err
    assert "Unknown flag --nonsense found in config.yaml, skipping" in said
    assert "Unknown flag --tls-san found in config.yaml, skipping" in said, "a server's flag"


def test_an_unknown_flag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(log.FatalError, match="flag provided but not defined: -nonsense"):
        parse(tmp_path, "--nonsense")


def test_a_file_that_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(log.FatalError, match="line 2"):
        parse(tmp_path, main="server: a\nnode-name\n")


@pytest.mark.parametrize("text", ["a: &x 1", "a: |\n  b", "a: !!str 1"])
def test_yaml_that_is_not_understood_is_never_guessed_at(text: str) -> None:
    with pytest.raises(yamlish.YamlError):
        yamlish.load(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "token must not be empty"),
        ("K10abc::server:x", "invalid token CA hash length"),
        (f"K10{'a' * 64}::word", "invalid token format"),
    ],
)
def test_a_malformed_token_is_told_in_k3s_words(text: str, words: str) -> None:
    with pytest.raises(tokens.TokenError, match=words):
        tokens.parse(text)


def test_a_generated_token_is_a_bootstrap_token_in_secure_format() -> None:
    token = tokens.parse(tokens.secure(tokens.generate(), b"PEM"))

    assert token.ca_hash == tokens.ca_hash(b"PEM")
    assert tokens.BOOTSTRAP.fullmatch(token.bearer or "")


def test_a_node_password_matches_its_hash_and_no_other_does() -> None:
    digest = nodepassword.create_hash("one")

    assert digest.startswith("$1:")
    assert nodepassword._matches(digest, "one")
    assert not nodepassword._matches(digest, "two")
