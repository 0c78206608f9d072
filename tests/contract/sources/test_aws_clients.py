"""What AWS's complaints become, and how patient the client is."""

from __future__ import annotations

import pytest
from aws_fake import Failure, serving
from aws_stage import THROTTLED, account
from conformance import SECRET

from collector.sources.aws_clients import asking, aws_clients, pages
from collector.sources.aws_places import open_regions, zone_ids
from collector.sources.base import SourceSkipped, SourceUnavailable, UnreadableSource
from model.errors import LowtideError

REGIONS = {"Regions": [{"RegionName": "us-west-2"}, {"RegionName": "eu-west-1"}]}


def complaint_about(failure: Failure) -> LowtideError:
    with account(lambda *_: failure) as (client_for, _), pytest.raises(LowtideError) as caught:
        open_regions(client_for("ec2", "us-east-1"))
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "AuthFailure", SourceSkipped),
        (403, "UnauthorizedOperation", SourceSkipped),
        (400, "RequestExpired", SourceSkipped),
        (400, "ExpiredTokenException", SourceSkipped),
        (403, "SomethingNew", SourceSkipped),
        (503, "Unavailable", SourceUnavailable),
        (400, "InvalidParameterValue", UnreadableSource),
    ],
)
def test_each_complaint_has_its_meaning_and_names_the_operation(status, code, kind):
    trouble = complaint_about(Failure(status, code, f"key {SECRET}"))
    assert type(trouble) is kind
    assert "AWS ec2 DescribeRegions in us-east-1" in trouble.seen
    assert code in trouble.seen
    assert SECRET not in str(trouble)


def test_a_throttled_call_is_repeated_by_boto3():
    answers = iter([THROTTLED, REGIONS])
    with account(lambda *_: next(answers)) as (client_for, fake):
        assert open_regions(client_for("ec2", "us-east-1")) == ["eu-west-1", "us-west-2"]
    assert len(fake.asked) == 2


def test_clients_retry_in_adaptive_mode_and_give_up():
    with account(lambda *_: REGIONS):
        client = aws_clients(attempts=5)("ec2", "us-east-1")
    assert client.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 5}


def test_a_missing_profile_is_skipped_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(SourceSkipped) as caught:
        aws_clients("nightly")
    assert "'nightly'" in caught.value.seen


def test_a_region_that_cannot_be_one_is_skipped_by_its_name():
    with account(lambda *_: REGIONS) as (client_for, _), pytest.raises(SourceSkipped) as caught:
        client_for("ec2", "us east")
    assert "'us east'" in caught.value.seen


def test_a_page_that_names_itself_is_refused():
    entry = {"InstanceTypes": [], "NextToken": "again"}
    with account(lambda *_: entry) as (client_for, fake), pytest.raises(UnreadableSource) as caught:
        list(pages(client_for("ec2", "us-east-1"), "describe_instance_types", "InstanceTypes"))
    assert "DescribeInstanceTypes in us-east-1 names a page it gave before" in caught.value.seen
    assert len(fake.asked) == 2


def test_no_credential_at_all_is_skipped_before_anything_is_sent(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceSkipped) as caught:
        open_regions(aws_clients(attempts=1)("ec2", "us-east-1"))
    assert "NoCredentialsError" in caught.value.seen


def test_a_service_that_cannot_be_reached_is_unavailable(monkeypatch):
    with account(lambda *_: REGIONS) as (client_for, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        client = client_for("ec2", "us-east-1")
        with pytest.raises(SourceUnavailable) as caught:
            open_regions(client)
    assert "could not be asked" in caught.value.seen


def test_zones_are_known_by_id_local_zones_too():
    zones = [
        {"ZoneName": "us-east-1a", "ZoneId": "use1-az4"},
        {"ZoneName": "us-east-1-atl-2a", "ZoneId": "use1-atl2-az1"},
    ]
    with account(lambda *_: {"AvailabilityZones": zones}) as (client_for, fake):
        found = zone_ids(client_for("ec2", "us-east-1"))
    assert found == {"us-east-1a": "use1-az4", "us-east-1-atl-2a": "use1-atl2-az1"}
    assert fake.asked == [("DescribeAvailabilityZones", {"AllAvailabilityZones": True})]


def test_a_refusal_of_ours_passes_through_unchanged():
    ours = UnreadableSource("seen", fix="do")
    with (
        account(lambda *_: REGIONS) as (client_for, _),
        pytest.raises(UnreadableSource) as caught,
        asking(client_for("ec2", "us-east-1"), "describe_regions"),
    ):
        raise ours
    assert caught.value is ours


def test_the_fake_refuses_what_the_service_does_not_know():
    # A fake that took anything would prove nothing: the model of the operation is its judge.
    with serving(lambda *_: REGIONS) as fake:
        status, _ = fake.answer({}, b"Action=DescribeRegions&Version=2016-11-15&NoSuchThing=1")
        assert status == 400
        status, _ = fake.answer(
            {}, b"Action=DescribeRegions&Version=2016-11-15&AllRegions=true&RegionName.1=eu-west-1"
        )
        assert status == 200
        status, _ = fake.answer({}, b"Action=DescribeNoSuchThing&Version=2016-11-15")
        assert status == 400
    assert len(fake.strangers) == 2
    assert fake.asked == [("DescribeRegions", {"AllRegions": True, "RegionNames": ["eu-west-1"]})]
