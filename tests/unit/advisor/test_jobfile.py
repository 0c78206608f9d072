"""A job file is read whole or refused in one sentence that names the field and the way out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.jobfile import read, read_spec, refuse_unsold
from advisor.wire import JobSpec
from model.article import ArticleCase
from model.errors import EnvironmentTrouble, ImpossibleInput, LowtideError

EXAMPLES = Path(__file__).parents[3] / "examples"
GOOD = """
[job]
name = "small"
gpus = 8
useful_hours = 10
state_bytes = 1e9
deadline_hours = 20
[job.throughput]
"V100-16GB" = 1.0
[overheads]
pause_s = 10
save_lag_s = 0
boot_s = 60
restore_s = 30
warmup_s = 30
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "job.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_good_file_becomes_a_spec(written):
    spec = read(written(GOOD))
    assert isinstance(spec, JobSpec)
    assert (spec.job.gpus, spec.job.useful_hours, spec.job.state_bytes) == (8, 10.0, 1_000_000_000)
    assert spec.overheads.origin == "stated in the job file"


@pytest.mark.parametrize("name", ["llm-30b.toml", "v100-recorded.toml", "soft-floor.toml"])
def test_the_shipped_jobs_are_read(name):
    assert read_spec(EXAMPLES / name).job.gpus >= 1


def test_the_shipped_large_job_keeps_twelve_bytes_a_parameter():
    # By hand: 30e9 parameters, fp32 weights and two moments, 12 bytes each: 360 GB.
    assert read_spec(EXAMPLES / "llm-30b.toml").job.state_bytes == 30_000_000_000 * 12


def test_the_worked_example_is_its_own_mode():
    # By hand: 24 h at 6 $ and 2 h at 20 $ are 184 $; 24 h at 20 $ are 480 $.
    case = read(EXAMPLES / "article.toml")
    assert isinstance(case, ArticleCase)
    assert (case.cost, case.baseline) == (Decimal(184), Decimal(480))


def test_the_worked_example_is_no_job():
    with pytest.raises(ImpossibleInput, match="article_simple"):
        read_spec(EXAMPLES / "article.toml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gpus = 8", "gpu = 8", "Unknown field job.gpu; the nearest known one is job.gpus"),
        ("gpus = 8", "gpus = 8\nshoe_size = 43", "Unknown field job.shoe_size; known here are name, gpus"),
        ("gpus = 8", "", "Field job.gpus is missing"),
        ("gpus = 8", "gpus = 0", "job.gpus must be greater than or equal to 1 (seen: 0)"),
        ("gpus = 8", "gpus = true", "job.gpus must be a valid integer (seen: True)"),
        ("useful_hours = 10", "useful_hours = -3.5", "greater than or equal to 0.000001 (seen: -3.5)"),
        ("useful_hours = 10", "useful_hours = nan", "finite number (seen: nan)"),
        ("useful_hours = 10", "useful_hours = inf", "finite number (seen: inf)"),
        ("useful_hours = 10", 'useful_hours = "ten"', "valid number (seen: 'ten')"),
        ("state_bytes = 1e9", "state_bytes = 1.5", "job.state_bytes must be a valid integer (seen: 1.5)"),
        ('"V100-16GB" = 1.0', '"V100-16GB" = -1.0', "throughput.V100-16GB must be greater than or equal to"),
        ('"V100-16GB" = 1.0', "", "job.throughput"),
        ("pause_s = 10", "pause_s = -10", "overheads.pause_s must be greater than or equal to 0 (seen: -10)"),
        ("deadline_hours = 20", "deadline_at = 2023-01-01T00:00:00", "must be an instant with its zone"),
        ("deadline_hours = 20", "deadline_at = 1969-01-01T00:00:00Z", "between the years 2000 and 2200"),
        ("[overheads]", "[overhead]", "the nearest known one is overheads"),
        ("[overheads]", "budget_usd = -1\n[overheads]", "throughput"),
        ("gpus = 8", "gpus = 8\nbudget_usd = -1", "job.budget_usd must be greater than 0 (seen: -1)"),
        ("gpus = 8", "gpus = = 8", "is not TOML"),
        ("gpus = 8", "gpus = 8\ngpus = 9", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence_that_names_the_field(written, old, new, words):
    with pytest.raises(ImpossibleInput) as refusal:
        read(written(GOOD.replace(old, new)))
    assert words in refusal.value.seen
    assert refusal.value.fix
    assert refusal.value.exit_code == 2


def test_an_article_with_a_negative_price_is_refused(written):
    with pytest.raises(ImpossibleInput, match=r"article\.price_spot must be greater than 0"):
        read(written("[article]\nhours = 1\nprice_spot = -6\nprice_on_demand = 20\nlost_hours = 2\n"))


def test_a_missing_file_is_trouble_of_the_environment(tmp_path):
    with pytest.raises(EnvironmentTrouble, match="No such file"):
        read(tmp_path / "absent.toml")


def test_a_data_file_in_place_of_a_job_is_refused_by_its_size(written):
    with pytest.raises(ImpossibleInput, match="a job file is at most 1048576"):
        read(written(b"#" * (1 << 20) + b"##"))


def test_a_file_that_is_no_text_says_where(written):
    with pytest.raises(ImpossibleInput, match=r"not UTF-8 text \(byte 4\)"):
        read(written(b"a = \xff"))


def test_a_gpu_nobody_sells_names_the_nearest_and_lists_what_is_sold(written):
    spec = read_spec(written(GOOD.replace("V100-16GB", "V100")))
    with pytest.raises(ImpossibleInput, match="Did you mean V100-16GB") as refusal:
        refuse_unsold(spec, ["V100-16GB", "H100-80GB"])
    assert refusal.value.fix == "Name one of: H100-80GB, V100-16GB."


@given(st.binary(max_size=300))
def test_no_bytes_at_all_give_anything_but_a_refusal_in_words(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("fuzz") / "job.toml"
    path.write_bytes(raw)
    with pytest.raises(LowtideError):
        read(path)


def test_saves_on_notice_and_light_saves_are_read_from_the_file(written):
    told = (
        GOOD
        + "light_pause_s = 2\nlight_survives_share = 0.5\n"
        + "emergency_save_s = 20\nnotice_delivered_share = 0.8\n"
    )
    overheads = read_spec(written(told)).overheads
    assert (overheads.light_pause_s, overheads.light_survives_share, overheads.light_most) == (2, 0.5, 8)
    assert (overheads.emergency_save_s, overheads.notice_delivered_share) == (20, 0.8)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("light_pause_s = 2", "light_survives_share or light_warmup_s, one of the two"),
        ("light_warmup_s = 60", "need light_pause_s"),
        ("emergency_save_s = 20", "need each other"),
        ("notice_delivered_share = 0.8", "need each other"),
        ("notice_delivered_share = 1.5", "notice_delivered_share"),
        ("light_most = 1", "light_most"),
    ],
)
def test_half_a_statement_on_saving_is_refused(written, line, words):
    with pytest.raises(ImpossibleInput, match=words):
        read_spec(written(f"{GOOD}{line}\n"))


DEMANDS = GOOD.replace("deadline_hours = 20", 'deadline_hours = 20\ndeadline_kind = "soft"\nfloor_nodes = 2')


def test_a_soft_deadline_and_a_floor_are_read_from_the_file(written):
    job = read_spec(written(DEMANDS.replace("[job]", "[job]\nvalue_of_time_usd_per_hour = 0"))).job
    assert (job.deadline_kind, job.floor_nodes, job.value_of_time_usd_per_hour) == ("soft", 2, 0.0)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "states deadline_kind = soft, and nothing says what an hour late costs: add value_of_time_usd"),
        (
            "value_of_time_usd_per_hour = 1\nfloor_nodes = 9",
            "keeps floor_nodes = 9 on on-demand and takes 8 GPUs",
        ),
        ("value_of_time_usd_per_hour = 1\ncopies = 2", "states floor_nodes and copies"),
    ],
)
def test_half_a_statement_on_lateness_or_a_floor_is_refused(written, lines, words):
    text = DEMANDS.replace("\nfloor_nodes = 2", "") if "floor_nodes" in lines else DEMANDS
    with pytest.raises(ImpossibleInput, match=words):
        read_spec(written(text.replace("[job]", f"[job]\n{lines}")))


def test_what_is_not_stated_is_not_written_back(written):
    plain = read_spec(written(GOOD))
    assert not {"deadline_kind", "floor_nodes"} & set(plain.model_dump(mode="json")["job"])
    assert JobSpec.model_validate_json(plain.model_dump_json()) == plain
    stated = read_spec(written(DEMANDS.replace("[job]", "[job]\nvalue_of_time_usd_per_hour = 5")))
    assert JobSpec.model_validate_json(stated.model_dump_json()) == stated
