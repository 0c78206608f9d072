"""Every archive format: recognised by its content, read with its traps, refused when broken."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from collector.collect import collect_recorded
from collector.sources.base import UnreadableSource
from collector.sources.recorded import open_recorded
from collector.sources.recorded_prices import azure_size

AS_OF = datetime(2026, 1, 31, tzinfo=UTC)


def read(folder: Path, name: str, text: str):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    (source,) = open_recorded(path)
    (batch,) = source.batches()
    return batch


def priced(batch) -> list[tuple[str, str]]:
    return list(zip(batch.prices["pool_id"], batch.prices["price_usd_per_hour"], strict=True))


def test_gcp_weekly_has_two_pools_a_row_and_a_blank_spot_is_not_offered(tmp_path):
    batch = read(
        tmp_path,
        "weekly.csv.gz",
        "observed_at_utc,machine_type,region,on_demand_usd_per_hour,spot_usd_per_hour\n"
        "2025-03-13T03:56:02Z,a3-highgpu-8g,us-central1,88.49,20.423033644\n"
        "2022-02-09T23:07:12+00:00,a2-highgpu-1g,us-central1,3.67,\n",
    )
    assert priced(batch) == [
        ("gcp/us-central1/-/a3-highgpu-8g/on_demand", "88.49"),
        ("gcp/us-central1/-/a2-highgpu-1g/on_demand", "3.67"),
        ("gcp/us-central1/-/a3-highgpu-8g/spot", "20.423033644"),
    ]
    assert batch.prices["effective_at"][0] == pd.Timestamp("2025-03-13T03:56:02Z")


def test_aws_zone_ids_name_their_region_and_only_linux_is_kept(tmp_path):
    batch = read(
        tmp_path,
        "changes.csv",
        "az_id,instance_type,product_description,spot_price_usd_per_hour,observed_at_utc\n"
        "use1-az1,p3.2xlarge,Linux/UNIX,3.0600,2022-05-31T21:18:00+00:00\n"
        "use1-az1,p3.2xlarge,Windows,3.4280,2022-05-31T21:18:00+00:00\n"
        "use1-az1,p3.2xlarge,SUSE Linux,3.1850,2022-05-31T21:18:00+00:00\n"
        "xyz9-az1,p3.2xlarge,Linux/UNIX,1.0,2022-05-31T21:18:00+00:00\n",
    )
    # Spot equal to the on-demand price of 3.06 is a signal and stays.
    assert priced(batch) == [("aws/us-east-1/use1-az1/p3.2xlarge/spot", "3.0600")]
    assert sorted(batch.rejected["reason"]) == [
        "product is SUSE Linux, not Linux/UNIX",
        "product is Windows, not Linux/UNIX",
        "zone ID of an unknown region",
    ]


def test_aws_zone_names_stay_names(tmp_path):
    batch = read(
        tmp_path,
        "g2.csv",
        "observed_at_utc,availability_zone_name,instance_type,product_description,spot_price_usd_per_hour\n"
        "2015-03-11 16:22:26+00:00,us-east-1b,g2.2xlarge,Linux/UNIX,0.0644\n",
    )
    assert priced(batch) == [("aws/us-east-1/name:us-east-1b/g2.2xlarge/spot", "0.0644")]


def test_on_demand_tables_are_regional(tmp_path):
    aws = read(
        tmp_path,
        "a.csv",
        "observed_at_utc,region,instance_type,on_demand_usd_per_hour\n"
        "2023-09-18T13:06:44Z,us-east-1,p3.2xlarge,3.060000\n",
    )
    azure = read(
        tmp_path,
        "b.csv",
        "observed_at_utc,region,arm_sku_name,on_demand_usd_per_hour\n"
        "2023-10-27T06:44:32Z,eastus,Standard_NC6s_v3,3.06\n",
    )
    assert priced(aws) == [("aws/us-east-1/-/p3.2xlarge/on_demand", "3.060000")]
    assert priced(azure) == [("azure/eastus/-/Standard_NC6s_v3/on_demand", "3.06")]


def test_of_azure_meters_the_cheapest_is_linux_and_the_rest_is_turned_away(tmp_path):
    batch = read(
        tmp_path,
        "azure.csv",
        "sku_name,spot_usd_per_hour,effective_start,region_label\n"
        "NC6s v3 Spot,1.043834,2024-01-01T00:00:00Z,US East\n"
        "NC6s v3 Spot,0.8415,2023-05-01T00:00:00Z,US East\n"
        "NC6 Spot,0.09,2023-11-01T00:00:00Z,Mars West\n",
    )
    assert priced(batch) == [("azure/eastus/-/Standard_NC6s_v3/spot", "0.8415")]
    assert sorted(batch.rejected["reason"]) == [
        "a cheaper spot meter of the size exists: this one is taken for Windows",
        "region label is unknown",
    ]
    # The snapshot has no day of its own: it cannot be older than its newest meter.
    assert batch.prices["observed_at"].tolist() == [pd.Timestamp("2024-01-01T00:00:00Z")]
    assert batch.prices["effective_at"].tolist() == [pd.Timestamp("2023-05-01T00:00:00Z")]


@pytest.mark.parametrize(
    ("meter", "size"),
    [
        ("NC6s v2 Spot", "Standard_NC6s_v2"),
        ("Standard_NV72ads_A10_v5 Spot", "Standard_NV72ads_A10_v5"),
        ("NC64asT4 v3 Spot", "Standard_NC64as_T4_v3"),
        ("NC8as T4 v3 Spot", "Standard_NC8as_T4_v3"),
        ("ND96amsA100v4 Spot", "Standard_ND96ams_A100_v4"),
        ("ND96asr A100 v4 Spot", "Standard_ND96asr_A100_v4"),
        ("ND96asr v4 Spot", "Standard_ND96asr_v4"),
        ("ND96isrH100v5 Spot", "Standard_ND96isr_H100_v5"),
        ("NC24rs v3 Spot", "Standard_NC24rs_v3"),
        ("NV6 Spot", "Standard_NV6"),
    ],
)
def test_azure_meters_name_their_size(meter, size):
    assert azure_size(meter) == size


def test_skypilot_is_a_list_price_by_header_and_blank_is_not_offered(tmp_path):
    header = (
        "source_commit,provider,instance_type,accelerator,accelerator_count,vcpus,memory_gib,"
        "on_demand_usd_per_hour,spot_usd_per_hour,region,zone_id\n"
    )
    batch = read(
        tmp_path,
        "sky.csv",
        header
        + "c,aws,p5.48xlarge,H100,8.0,192,2048,68.8,,us-west-1,usw1-az1\n"
        + "c,aws,p5.48xlarge,H100,8.0,192,2048,68.8,19.8326,us-west-1,usw1-az3\n"
        + "c,nebius,gpu-x,B200,8,160,1792,44.0,12.0,us-central1,\n",
    )
    assert priced(batch) == [
        ("aws/us-west-1/-/p5.48xlarge/on_demand", "68.8"),
        ("nebius/us-central1/-/gpu-x/on_demand", "44.0"),
        ("aws/us-west-1/usw1-az3/p5.48xlarge/spot", "19.8326"),
        ("nebius/us-central1/-/gpu-x/spot", "12.0"),
    ]
    assert set(batch.prices["kind"]) == {"list"}
    assert {(s.name, s.gpu_model, s.gpu_count) for s in batch.skus} == {
        ("p5.48xlarge", "H100-80GB", 8),
        ("gpu-x", "B200-180GB", 8),
    }


def test_an_advisor_band_is_a_band_with_a_horizon_and_not_a_rate(tmp_path):
    content = {
        "spot_advisor": {
            "us-east-1": {
                "Linux": {
                    "p3.2xlarge": {"r": 4, "s": 70},
                    "p2.xlarge": {"r": 1, "s": 65},
                    "c5.large": {"r": 0, "s": 9},
                },
                "Windows": {"p3.2xlarge": {"r": 0, "s": 10}},
            }
        },
        "ranges": [
            {"index": 0, "label": "<5%", "max": 5},
            {"index": 1, "label": "5-10%", "max": 11},
            {"index": 4, "label": ">20%", "max": 100},
        ],
    }  # fmt: skip
    batch = read(tmp_path, "advisor-2021-02-10.json", json.dumps(content))
    bands = batch.bands.set_index("sku")
    assert bands.index.tolist() == ["p3.2xlarge", "p2.xlarge"]
    assert bands.loc["p2.xlarge", ["rate_low", "rate_high"]].tolist() == [0.05, 0.10]  # Not the file's 11.
    assert bands.loc["p3.2xlarge", "rate_low"] == 0.20
    assert pd.isna(bands.loc["p3.2xlarge", "rate_high"])
    assert bands["horizon_s"].unique().tolist() == [30 * 86_400]
    assert batch.rejected["reason"].tolist() == ["system is Windows"]


def test_an_advisor_file_without_a_day_is_refused(tmp_path):
    content = {"spot_advisor": {}, "ranges": []}
    with pytest.raises(UnreadableSource, match="states no date inside, and none in its name"):
        read(tmp_path, "advisor.json", json.dumps(content))


def test_tariffs_keep_kind_tier_and_unit(tmp_path):
    batch = read(
        tmp_path,
        "egress_2026-01-30.csv",
        "kind,class_or_destination,tier_tib,region,price,unit\n"
        "internet_egress,worldwide,0-1,us-central1,0.12,USD/GiB\n"
        "object_bucket,standard,,us-central1,0.02,USD/GiB-month\n"
        "object_bucket,standard,,us-central1,0.02,EUR/GiB\n",
    )
    assert batch.tariffs[["item", "tier", "price_usd", "unit"]].to_numpy().tolist() == [
        ["worldwide", "0-1", "0.12", "GiB"],
        ["standard", "", "0.02", "GiB-month"],
    ]
    assert batch.rejected["reason"].tolist() == ["unit of a tariff is unknown"]


def test_named_p3_events_become_lives_of_a_pool_without_a_place(tmp_path):
    batch = read(tmp_path, "p3.csv", "0,add,n1\n0,add,n2\n60000,remove,n1\n120000,add,n3\n")
    rows = batch.tenures.sort_values("instance_ref")
    assert rows["pool_id"].unique().tolist() == ["aws/unrecorded/trace:p3/p3.2xlarge/spot"]
    assert rows["began_before"].tolist() == [True, True, False]
    assert rows["ended_at"].tolist()[0] == pd.Timestamp("1970-01-01T00:01:00Z")
    assert rows["ended_at"].isna().tolist() == [False, True, True]
    assert rows["observed_at"].tolist()[1] == pd.Timestamp("1970-01-01T00:02:00Z")  # Still alive then.


def test_parcae_segments_and_counts_are_pools_of_their_own(tmp_path):
    segments = read(
        tmp_path, "seg.jsonl", '[0, "add", {"nodes": ["a", "b"]}]\n[60000, "no-op", {"nodes": []}]\n'
        '[120000, "remove", {"nodes": ["b"]}]\n',
    )  # fmt: skip
    counts = read(tmp_path, "steps.csv", "0,1\n0,2\n60000,1\n")
    assert segments.tenures["pool_id"].unique().tolist() == ["aws/unrecorded/trace:seg/p3.2xlarge/spot"]
    assert counts.tenures["pool_id"].unique().tolist() == ["aws/unrecorded/trace:steps/p3.2xlarge/spot"]
    assert segments.tenures["ended_at"].notna().sum() == 1
    assert counts.tenures["ended_at"].notna().sum() == 1


def test_gcloud_counts_have_a_date_and_a_zone(tmp_path):
    batch = read(tmp_path, "g.csv", "2021-12-11, 11:11:30, 2\n2021-12-11, 11:13:10, 1\n")
    assert batch.tenures["pool_id"].unique().tolist() == ["gcp/us-east1/us-east1-b/a2-highgpu-1g/spot"]
    assert batch.tenures["began_at"].iloc[0] == pd.Timestamp("2021-12-11T11:11:30Z")


def test_alibaba_nodes_are_counted_and_hours_stay_relative(tmp_path):
    header = "gpu_model,gpu_capacity_num,cpu_num,node_name\n"
    nodes = read(tmp_path, "n.csv", header + "A10,1,128,0\nA10,1,128,1\nH800,8,192,2\n")
    hours = read(tmp_path, "h.csv", "submit_hour,jobs,gpu_seconds,gpu_demand\n7,2,5.5,1.0\n")
    assert nodes.inventory["nodes"].tolist() == [2, 1]
    assert hours.demand[["measure", "hour", "value"]].to_numpy().tolist() == [
        ["jobs", 7, 2.0],
        ["gpu_seconds", 7, 5.5],
        ["gpu_demand", 7, 1.0],
    ]


def batches(path: Path) -> list:
    """Open one file and read it to its end."""
    return [batch for source in open_recorded(path) for batch in source.batches()]


GOOD = (
    "observed_at_utc,region,instance_type,on_demand_usd_per_hour\n"
    "2023-09-18T13:06:44Z,us-east-1,p3.2xlarge,3.06\n"
)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cut.csv", GOOD[:-3].encode(), "ends in the middle of a line"),
        ("short.csv", (GOOD + "2023-09-18T13:06:44Z,us-east-1\n").encode(), "line 3 does not have 4 fields"),
        ("wide.csv", (GOOD + "a,b,c,d,e,f\n").encode(), "not a regular table"),
        ("cut.csv.gz", gzip.compress(GOOD.encode())[:-9], "damaged or cut short"),
        ("plain.csv.gz", b"not gzip at all", "damaged or cut short"),
        ("binary.csv", GOOD.encode() + b"\xff\xfe\n", "byte .* is not UTF-8"),
        ("foreign.csv", b"name,age\nx,1\n", "begins with 'name,age', which is no format"),
        ("empty.csv", b"", "begins with '', which is no format"),
        ("odd.json", b'{"hello": 1}', "is no format this program knows"),
        ("advisor-2021-01-01.json", b'{"spot_advisor": {}}', "does not keep to its format"),
        ("hours.csv", b"submit_hour,jobs,gpu_seconds,gpu_demand\nx,1,2,3\n", "does not keep to its format"),
    ],
)
def test_a_broken_file_is_refused_with_what_was_seen_and_what_to_do(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableSource, match=words) as refusal:
        batches(tmp_path / name)
    assert refusal.value.exit_code == 2
    assert refusal.value.fix


def test_one_bad_file_is_reported_and_does_not_stop_the_others(tmp_path, store):
    (tmp_path / "a-foreign.csv").write_text("name,age\nx,1\n")
    (tmp_path / "b-good.csv").write_text(GOOD)
    (tmp_path / "c-cut.csv").write_text(GOOD[:-1])
    (tmp_path / "README.md").write_text("not data")
    reports = collect_recorded(store, tmp_path)
    assert [(Path(r.origin).name, r.rows_new, bool(r.trouble)) for r in reports] == [
        ("a-foreign.csv", 0, True),
        ("b-good.csv", 1, False),
        ("c-cut.csv", 0, True),
        ("catalog.toml", 1, False),
    ]
    assert [q.source_id for q in store.quality(AS_OF)] == ["aws-karpenter-ondemand", "catalog"]


def test_a_folder_where_nothing_can_be_read_is_refused(tmp_path, store):
    (tmp_path / "x.csv").write_text("name,age\nx,1\n")
    with pytest.raises(UnreadableSource, match="None of the 1 files"):
        collect_recorded(store, tmp_path)


@pytest.mark.parametrize("name", ["", "missing"])
def test_nothing_to_read_is_refused(tmp_path, name):
    with pytest.raises(UnreadableSource, match=r"holds no .json|does not exist"):
        open_recorded(tmp_path / name)


def test_list_prices_are_given_to_seen_pools_of_the_same_region_and_sku_only(tmp_path, store):
    folder = tmp_path / "availability/1-node/aws-02-15-2023"
    folder.mkdir(parents=True)
    for zone in ("us-west-2b_v100_1", "us-west-2a_v100_8", "us-east-1a_v100_8"):
        (folder / f"{zone}.json").write_text('{"metadata": {"gap_seconds": 195}, "data": [1, 0]}')
    collect_recorded(store, tmp_path)
    as_of = datetime(2023, 2, 15, 0, 3, 15, tzinfo=UTC)
    prices = {
        h.pool.key: (str(h.price_usd_per_hour), h.price_kind)
        for h in store.pool_histories(as_of=as_of, window=pd.Timedelta(days=30).to_pytimedelta())
    }
    assert prices == {
        "aws/us-west-2/name:us-west-2b/p3.2xlarge/spot": ("0.918000000", "list"),
        "aws/us-west-2/-/p3.2xlarge/on_demand": ("3.060000000", "list"),
        "aws/us-west-2/name:us-west-2a/p3.16xlarge/spot": ("9.792600000", "list"),
        "aws/us-west-2/-/p3.16xlarge/on_demand": ("24.480000000", "list"),
        "aws/us-east-1/name:us-east-1a/p3.16xlarge/spot": ("None", None),
        "aws/us-east-1/-/p3.16xlarge/on_demand": ("24.480000000", "list"),
    }
