"""How the program helm is asked, with a stand-in that writes down its arguments."""

import json
from pathlib import Path

import pytest
import yaml

from hitscanner.infra.helm import HelmError, HelmProgram, Live, NoHelmError, Package, find_helm

STAND_IN = """#!/bin/sh
echo "$*" >>"$LOG"
for argument; do
    case $argument in */site.yaml) cp "$argument" "$LOG.site" ;; esac
done
case "$1 $2" in
"list "*) cat "$ANSWER" ;;
"get manifest") echo "kind: Pod" ;;
"upgrade --install")
    case "$*" in *--dry-run*) echo '{"manifest": "kind: Job"}' ;; esac ;;
"template "*) echo "kind: Service" ;;
"rollback "*) echo "WARNING: old" >&2; echo "Error: no revision" >&2; echo " at all" >&2; exit 1 ;;
"uninstall "*) exec sleep 600 ;;
esac
"""


@pytest.fixture
def helm(tmp_path: Path) -> HelmProgram:
    program = tmp_path / "helm"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    (tmp_path / "answer").write_text("[]")
    places = {"LOG": str(tmp_path / "log"), "ANSWER": str(tmp_path / "answer")}
    environment = {"PATH": "/usr/bin:/bin", **places}
    return HelmProgram(str(program), tmp_path / "kubeconfig", environment)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    files = (tmp_path / "values.yaml",)
    return Package("web", "pages", tmp_path / "web.tgz", files, {"image": {"tag": "1"}})


def said(helm: HelmProgram) -> list[str]:
    return Path(helm.environment["LOG"]).read_text().splitlines()


def test_a_release_that_is_not_there_is_none(helm):
    assert helm.live("web", "pages") is None


def test_a_release_is_read_with_its_manifest_whatever_its_state(helm):
    found = [{"name": "web", "status": "pending-upgrade", "chart": "web-1.2.3"}]
    Path(helm.environment["ANSWER"]).write_text(json.dumps(found))

    assert helm.live("web", "pages") == Live("pending-upgrade", "web-1.2.3", "kind: Pod\n")
    assert "--all" in said(helm)[0]
    assert all(f"--kubeconfig {helm.kubeconfig}" in line for line in said(helm))


def test_over_a_live_release_the_api_server_is_asked_and_before_it_the_chart_alone(helm, package):
    assert helm.render(package, is_live=True) == "kind: Job"
    assert helm.render(package, is_live=False) == "kind: Service\n"
    assert "--dry-run=server" in said(helm)[0]
    assert "--kubeconfig" not in said(helm)[1]


def test_the_sites_values_come_last_from_a_file_that_does_not_stay(helm, package):
    helm.install(package)
    (line,) = said(helm)
    words = line.split()
    given = [words[place + 1] for place, word in enumerate(words) if word == "-f"]

    assert given[0] == str(package.files[0])
    assert not Path(given[1]).exists()
    site = yaml.safe_load(Path(helm.environment["LOG"] + ".site").read_text())
    assert site == {"image": {"tag": "1"}}
    assert "--wait" not in line


def test_an_error_is_helms_last_word_on_one_line(helm):
    with pytest.raises(HelmError, match=r"^helm rollback: no revision at all$"):
        helm.mend("web", "pages", "pending-upgrade")


def test_a_helm_that_hangs_is_ended(helm, monkeypatch):
    monkeypatch.setattr("hitscanner.infra.helm.INSTALL_S", 0.2)

    with pytest.raises(HelmError, match="helm uninstall did not end in 0 s"):
        helm.mend("web", "pages", "pending-install")


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("oci://quay.example/charts", "pull oci://quay.example/charts/web --version 1.2.3"),
        ("https://charts.example", "pull web --repo https://charts.example --version 1.2.3"),
    ],
)
def test_a_chart_is_pulled_from_either_kind_of_repository(helm, tmp_path, repository, words):
    helm.pull(repository, "web", "1.2.3", tmp_path / "charts")

    assert said(helm) == [f"{words} -d {tmp_path / 'charts'}"]


def test_the_bundles_helm_goes_before_that_in_path_and_none_is_told_with_the_remedy(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NoHelmError, match=r"neither .*/helm nor in PATH; get Helm 3\.19"):
        find_helm(tmp_path)
    (tmp_path / "helm").write_text("")

    assert find_helm(tmp_path) == str(tmp_path / "helm")
