"""The [collect] table: what the documentation shows is what is taken; what cannot be is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from advisor.settings import load_settings
from collector.feed_config import FEEDS, AwsFeed, CloudFeed, FeedsConfig
from collector.feed_sources import aws_machines
from collector.feeds import FAMILIES, jobs
from model.errors import ImpossibleInput

GUIDE = Path(__file__).parents[3] / "docs" / "collect.md"


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A working directory with nothing configured."""
    monkeypatch.chdir(tmp_path)
    for name in ("LOWTIDE_CONFIG", "LOWTIDE_URL", "LOWTIDE_STORE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def configured(room: Path, text: str) -> FeedsConfig:
    (room / "lowtide.toml").write_text(text)
    return load_settings().collect.config()


def test_by_default_nothing_is_configured_and_so_nothing_is_collected(room):
    settings = load_settings()
    assert settings.collect.enabled
    assert jobs(settings.collect.config()) == []


def test_the_example_of_the_guide_is_taken_and_shows_every_feed(room):
    (example,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert set(tomllib.loads(example)["collect"]) >= set(FEEDS)
    config = configured(room, example)
    assert set(config.feeds) == set(FEEDS)
    planned = {job.family.name for job in jobs(config)}
    assert planned == {family.name for family in FAMILIES} - {"azure-placement-scores"}
    aws = config.feeds["aws"]
    assert isinstance(aws, AwsFeed)
    assert len(aws_machines(aws)) == 3


def test_the_guide_names_every_source_and_its_cadence():
    text = GUIDE.read_text()
    assert [family.name for family in FAMILIES if f"`{family.name}" not in text] == []


def test_an_empty_table_is_a_feed_with_its_usual_settings(room):
    feed = configured(room, "[collect.lambda]\n").feeds["lambda"]
    assert feed == CloudFeed(base_url="https://cloud.lambda.ai", key_name="LAMBDA_API_KEY")


def test_the_environment_comes_before_the_file_and_a_flag_before_both(room, monkeypatch):
    (room / "lowtide.toml").write_text("[collect]\nthreads = 2\n[collect.aws]\nregions = ['us-east-1']\n")
    monkeypatch.setenv("LOWTIDE_COLLECT__AWS__REGIONS", '["eu-west-1"]')
    monkeypatch.setenv("LOWTIDE_COLLECT__LAMBDA__BASE_URL", "http://127.0.0.1:9")
    collect = load_settings(collect={"enabled": False}).collect
    assert (collect.threads, collect.enabled) == (2, False)
    assert collect.aws is not None
    assert collect.aws.regions == ("eu-west-1",)
    assert collect.config().feeds["lambda"].base_url == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[collect.lamda]\n", "the nearest known one is collect.lambda."),
        ("[collect.aws]\nregion = ['us-east-1']\n", "the nearest known one is collect.aws.regions"),
        ("[collect.azure]\n", "collect.azure.regions is missing"),
        ("[collect]\nthreads = 0\n", "collect.threads"),
        ("[collect.lambda]\nbase_url = 'ftp://x'\n", "collect.lambda.base_url"),
        ("[collect.lambda]\nbase_url = 'https://user:word@x'\n", "collect.lambda.base_url"),
        ("[collect.lambda]\nkey_name = 'sk-live-12345'\n", "collect.lambda.key_name"),
        ("[collect.cadence_s]\nlambda = 0.1\n", "collect.cadence_s.lambda"),
        ("[[collect.aws.placement]]\nmachines=['a']\nregions=['b']\ninstances=1\n", "at least 3 items"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_name_of_its_field(room, text, words):
    with pytest.raises(ImpossibleInput) as refusal:
        configured(room, text)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[collect.aws]\nregions = ['Virginia']\n", "'Virginia' can be no region of aws"),
        ("[collect.gcp]\nlocations = ['us-central']\n", "can be no region of gcp"),
        ("[collect.lambda]\n[collect.cadence_s]\nlamda = 60\n", "names lamda"),
    ],
)
def test_what_only_the_collector_can_judge_is_refused_when_it_is_planned(room, text, words):
    with pytest.raises(ImpossibleInput, match=words):
        jobs(configured(room, text))


def test_a_region_or_a_zone_of_google_is_taken(room):
    config = configured(
        room, "[collect.gcp]\nproject='p'\nmachines=['m']\nlocations=['us-central1', 'europe-west4-a']\n"
    )
    assert [job.job_id for job in jobs(config)] == [
        "gcp-catalog", "gcp-machine-types", "gcp-capacity-history",
    ]  # fmt: skip
