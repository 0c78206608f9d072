"""SkyPilot's own catalogues: columns by name, the cloud and the day by the path, nothing evaluated."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.ingest import ingest
from collector.sources.base import UnreadableSource
from collector.sources.recorded import open_recorded
from collector.store import Store

AWS = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,"
    "AvailabilityZone,Arch"
)
NEBIUS = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice"
INFO = "\"{'Gpus': [{'Name': 'H100', 'Count': 8, 'MemoryInfo': {'SizeInMiB': 81920}}]}\""
AWS_ROWS = (
    f"p5.48xlarge,H100,8.0,192.0,2048.0,{INFO},68.8,19.8326,us-west-1,usw1-az3,x86_64",
    f"p5.48xlarge,H100,8.0,192.0,2048.0,{INFO},68.8,,us-west-1,usw1-az1,x86_64",
    "m5.large,,,2.0,8.0,,0.112,0.04,us-west-1,usw1-az1,x86_64",
)
NEBIUS_ROWS = (
    f"gpu-h100-sxm_8gpu-128vcpu-1600gb,H100,8,128,1600,23.60,eu-north1,{INFO},10.00",
    "cpu-d3_4vcpu-16gb,,0,4,16,0.0992,eu-north1,,",
)


def written(folder: Path, header: str, *rows: str, place: str = "2026-11-20/aws/vms.csv") -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def batch_of(path: Path):
    (source,) = open_recorded(path)
    (batch,) = source.batches()
    return batch


def priced(batch) -> dict[str, str]:
    return dict(zip(batch.prices["pool_id"], batch.prices["price_usd_per_hour"], strict=True))


def test_a_zone_with_a_blank_spot_price_offers_none_and_cpu_machines_are_left_out(tmp_path):
    assert priced(batch_of(written(tmp_path, AWS, *AWS_ROWS))) == {
        "aws/us-west-1/-/p5.48xlarge/on_demand": "68.8",
        "aws/us-west-1/usw1-az3/p5.48xlarge/spot": "19.8326",
    }


def test_another_order_of_columns_without_a_zone_is_read_by_its_names(tmp_path):
    batch = batch_of(written(tmp_path, NEBIUS, *NEBIUS_ROWS, place="2026-11-20/nebius/vms.csv"))
    machine = "nebius/eu-north1/-/gpu-h100-sxm_8gpu-128vcpu-1600gb"
    assert priced(batch) == {f"{machine}/on_demand": "23.60", f"{machine}/spot": "10.00"}
    (sku,) = batch.skus
    assert (sku.gpu_model, sku.gpu_count, sku.gpu_memory_bytes) == ("H100-80GB", 8, 80 * 2**30)
    assert batch.listings["region"].tolist() == ["eu-north1"]


@pytest.mark.parametrize("place", ["2026-11-20/aws/vms.csv", "aws/vms-2026-11-20.csv"])
def test_the_day_comes_from_the_path_and_the_prices_are_list_prices(tmp_path, place):
    prices = batch_of(written(tmp_path, AWS, *AWS_ROWS, place=place)).prices
    day = datetime(2026, 11, 20, tzinfo=UTC)
    assert set(prices["effective_at"]) == set(prices["observed_at"]) == {day}
    assert set(prices["kind"]) == {"list"}


@pytest.mark.parametrize(
    ("place", "words"),
    [("2026-11-20/mine/vms.csv", "'mine' names no cloud"), ("aws/vms.csv", "names a day")],
)
def test_a_catalogue_of_an_unstated_cloud_or_day_is_refused_with_what_to_do(tmp_path, place, words):
    with pytest.raises(UnreadableSource, match=words) as caught:
        open_recorded(written(tmp_path, AWS, *AWS_ROWS, place=place))
    assert "vms.csv" in caught.value.fix


def test_gpu_info_is_never_evaluated(tmp_path):
    mark = tmp_path / "evaluated"
    info = f"\"__import__('pathlib').Path('{mark}').touch()\""
    row = f"p5.48xlarge,H100,8,192,2048,{info},68.8,,us-west-1,usw1-az1,x86_64"
    batch = batch_of(written(tmp_path, AWS, row))
    assert not mark.exists()
    assert "aws/us-west-1/-/p5.48xlarge/on_demand" in priced(batch)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",tpu-v3-32,1,,,,32.0,9.6,us-east1,us-east1-d,", "no machine or region, or a slash in its name"),
        ("x1,H100,0.5,1,1,,1.0,,us-west-1,,", "count of accelerators is not whole"),
        ("x1,H100,8,1,1,,cheap,,us-west-1,,", "price is not a number"),
        ("x1,R9000,8,1,1,,1.0,,us-west-1,,", "accelerator R9000 has no GPU model here"),
    ],
)
def test_a_row_that_is_no_gpu_machine_is_turned_away_with_its_reason(tmp_path, row, reason):
    batch = batch_of(written(tmp_path, AWS, row, AWS_ROWS[0]))
    assert batch.rejected["reason"].tolist() == [reason]
    assert len(batch.prices) == 2


def test_a_pool_of_two_prices_has_none(tmp_path):
    dearer = AWS_ROWS[0].replace("68.8,19.8326", "70.1,19.8326")
    batch = batch_of(written(tmp_path, AWS, AWS_ROWS[0], dearer))
    assert batch.rejected["reason"].tolist() == ["two prices of one pool"]
    assert list(priced(batch)) == ["aws/us-west-1/usw1-az3/p5.48xlarge/spot"]


def test_a_pcie_card_keeps_its_own_name(tmp_path):
    row = f"gpu_1x_h100_pcie,H100,1.0,26.0,200.0,3.29,us-west-3,{INFO},"
    (sku,) = batch_of(written(tmp_path, NEBIUS, row, place="2026-11-20/lambda/vms.csv")).skus
    assert (sku.gpu_model, sku.gpu_count) == ("H100-80GB-PCIE", 1)


@pytest.mark.parametrize("cut", ["m5.large,,,2.0\n", "m5.large,,,2.0,8.0,,0.112,0.04,us-west-1,usw1-az1,x86"])
def test_a_catalogue_that_is_cut_short_is_refused(tmp_path, cut):
    path = written(tmp_path, AWS, *AWS_ROWS)
    path.write_text(path.read_text() + cut)
    with pytest.raises(UnreadableSource, match="cut short"):
        batch_of(path)


def test_a_catalogue_read_twice_adds_nothing_and_the_store_is_whole(tmp_path):
    (source,) = open_recorded(written(tmp_path, AWS, *AWS_ROWS))
    with Store.open(None, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC)) as store:
        assert ingest(store, source).rows_new == 3  # Two prices and a listing.
        assert ingest(store, source).rows_new == 0
        assert store.verify() == []
