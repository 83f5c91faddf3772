"""Parameters are checked by name and value before anything else happens."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.params import (
    ParamSpec,
    TracerouteParams,
    format_duration,
    parse_duration_s,
    parse_traceroute_params,
    traceroute_param_schema,
)
from hitscanner.domain.sampling import Sample
from hitscanner.errors import EmptyListError, InvalidValueError, TargetListError, UnknownKeyError

EXAMPLES = sorted((Path(__file__).parents[3] / "include" / "examples").glob("*.json"))
FORM = {spec.name: spec for spec in traceroute_param_schema()}


def test_no_parameter_at_all_gives_the_defaults() -> None:
    params = parse_traceroute_params({})

    assert TracerouteParams() == params
    assert (
        params.list_name,
        params.vantage_points,
        params.method,
        params.rate_pps,
    ) == ("sample", ("all",), "udp-paris", 100)


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"rate_pp": 5}, 'unknown key "rate_pp"; did you mean rate_pps?'),
        ({"sample": {"densities": 8}}, 'unknown key "sample.densities"; did you mean density'),
        ({"rate_pps": 0, "vantage_point": "us-0001"}, 'unknown key "vantage_point"; did you mean'),
        ({"list_name": "demo"}, 'unknown key "list_name"; there are attempts, confirm, deadline,'),
        ({"deadline_s": 60}, 'unknown key "deadline_s"; did you mean deadline?'),
    ],
)
def test_an_unknown_key_is_refused_by_name(conf: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownKeyError) as refusal:
        parse_traceroute_params(conf)

    assert str(refusal.value).startswith(f"--conf: {message}")


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        (
            {"gap": 0},
            (
                "gap is 0; give the number of silent hops that ends a trace, "
                'a whole number from 1 to 255, e.g. "gap": 5'
            ),
        ),
        (
            {"rate_pps": "fast"},
            (
                'rate_pps is "fast"; give a whole number of packets per second from each vantage '
                'point, 1 to 10000 (its own max_pps holds as well), e.g. "rate_pps": 100'
            ),
        ),
        (
            {"attempts": True},
            (
                "attempts is true; give the number of probes to a hop that stays silent, "
                'a whole number from 1 to 10, e.g. "attempts": 2'
            ),
        ),
        (
            {"method": "paris"},
            (
                'method is "paris"; give one of udp-paris, icmp-paris, udp, icmp, tcp, tcp-ack, '
                'e.g. "method": "udp-paris"'
            ),
        ),
        (
            {"vantage_points": "all"},
            (
                'vantage_points is "all"; give a list of names or tags of vantage points, '
                'or ["all"], e.g. "vantage_points": ["all"]'
            ),
        ),
        (
            {"list": "../secrets"},
            'list is "../secrets"; use at most 63 of a-z 0-9 _ - and begin with a letter or digit',
        ),
        (
            {"deadline": "6 hours"},
            'deadline is "6 hours"; give seconds or a duration such as "6h", "90m" or "1d12h"',
        ),
        (
            {"deadline": "8d"},
            (
                'deadline is "8d"; give the time after which probing stops, '
                'seconds or a duration up to 7 days, e.g. "deadline": "6h"'
            ),
        ),
        (
            {"min_vp_ratio": 1.5},
            (
                "min_vp_ratio is 1.5; give the part of the vantage points below which a cycle has "
                'failed, a number from 0 to 1, e.g. "min_vp_ratio": 0.5'
            ),
        ),
        ({"plan_only": "yes"}, 'plan_only is "yes"; give true or false, e.g. "plan_only": false'),
        (
            {"sample": {"density": 64}},
            (
                "sample.density is 64; give the prefix length of an IPv4 block, "
                'a whole number from 8 to 32, e.g. "density": 24'
            ),
        ),
        (
            {"sample": {"density": 30, "offset": 9}},
            (
                'sample is {"density": 30, "offset": 9}; offset is 9, but a block has 4 addresses; '
                "lower it"
            ),
        ),
        (
            {"list": "demo", "targets": ["192.0.2.1"]},
            'list is "demo" and targets are given too; leave one of them out',
        ),
        (
            {"rate_pps": "line\nbreak"},
            (
                'rate_pps is "line\\nbreak"; give a whole number of packets per second from each '
                'vantage point, 1 to 10000 (its own max_pps holds as well), e.g. "rate_pps": 100'
            ),
        ),
    ],
)
def test_a_bad_value_is_refused_with_key_value_and_what_to_give(
    conf: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_traceroute_params(conf)

    assert f"--conf: {message}" == str(refusal.value)


def test_something_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="give a JSON object"):
        parse_traceroute_params(["list", "demo"])  # type: ignore[arg-type]  # that is the fault


def test_a_malformed_inline_target_is_refused_before_anything_is_planned() -> None:
    with pytest.raises(TargetListError, match="item 1"):
        parse_traceroute_params({"targets": ["192.0.2.1/24"]})


def test_inline_targets_without_a_target_are_refused() -> None:
    with pytest.raises(EmptyListError):
        parse_traceroute_params({"targets": []})


def test_results_of_inline_targets_do_not_mix_with_those_of_a_list() -> None:
    assert parse_traceroute_params({"targets": ["192.0.2.1"]}).cycle_list == "inline"
    assert parse_traceroute_params({"list": "demo"}).cycle_list == "demo"


def test_seed_zero_is_kept() -> None:
    params = parse_traceroute_params({"sample": {"type": "random", "seed": 0}})

    assert Sample(type="random", seed=0) == params.sample
    assert params.as_conf()["sample"]["seed"] == 0


def test_the_form_has_every_parameter_and_its_defaults_are_valid() -> None:
    defaults = {name: spec.default for name, spec in FORM.items()}

    assert TracerouteParams() == parse_traceroute_params(json.loads(json.dumps(defaults)))
    assert set(TracerouteParams().as_conf()) == set(FORM)


@pytest.mark.parametrize("spec", FORM.values(), ids=FORM)
def test_a_form_field_explains_itself(spec: ParamSpec) -> None:
    assert spec.schema["title"]
    assert spec.schema["description"].endswith(".")
    assert spec.schema["type"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, beyond)
        for name, spec in FORM.items()
        for beyond in (
            *([spec.schema["minimum"] - 1] if "minimum" in spec.schema else []),
            *([spec.schema["maximum"] + 1] if "maximum" in spec.schema else []),
            *(["nonsense"] if "enum" in spec.schema else []),
        )
    ],
)
def test_what_the_form_forbids_is_refused_here_too(name: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match=name):
        parse_traceroute_params({name: value})


@pytest.mark.parametrize("name", [n for n, spec in FORM.items() if "maximum" in spec.schema])
def test_the_words_of_a_limited_field_state_its_limits(name: str) -> None:
    schema = FORM[name].schema

    assert f"{schema['minimum']} to {schema['maximum']}" in schema["description"]


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_each_example_is_accepted(path: Path) -> None:
    conf = json.loads(path.read_text())

    params = parse_traceroute_params(conf, path.name)

    assert conf.items() <= {**params.as_conf(), "sample": conf.get("sample")}.items()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "list": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True),
            "split": st.sampled_from(["shard", "all"]),
            "gap": st.integers(1, 255),
            "rate_pps": st.integers(1, 10_000),
            "deadline": st.integers(1, 7 * 86_400),
            "min_vp_ratio": st.floats(0, 1),
            "plan_only": st.booleans(),
            "sample": st.fixed_dictionaries({}, optional={"seed": st.integers(0, 2**63 - 1)}),
        },
    )
)
def test_parameters_survive_the_manifest(conf: dict[str, Any]) -> None:
    params = parse_traceroute_params(conf)

    assert params == parse_traceroute_params(json.loads(json.dumps(params.as_conf())))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=5)


@given(st.dictionaries(st.sampled_from(sorted(FORM)) | st.text(), values, max_size=3))
def test_no_object_gives_anything_but_parameters_or_one_line(conf: dict[str, Any]) -> None:
    said = ""
    try:
        parse_traceroute_params(conf)
    except (UnknownKeyError, InvalidValueError, TargetListError, EmptyListError) as refusal:
        said = str(refusal)

    assert "\n" not in said


@given(st.integers(0, 10**8))
def test_a_duration_survives_writing_and_reading(seconds: int) -> None:
    assert seconds == parse_duration_s(format_duration(seconds))


@pytest.mark.parametrize("text", ["", "h", "6h ago", "-1", "1.5h", "1s1h", "٣h", "6 h", True])
def test_something_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give seconds or a duration"):
        parse_duration_s(text)
