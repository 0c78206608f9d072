"""Google Cloud Storage and Azure Blob: opened with their options, conditions asked for as they document."""

from __future__ import annotations

import base64

import pytest
from cloud_fake import CloudFake

from trainer.checkpoint.bandwidth import Bandwidth
from trainer.checkpoint.lease import holder, take
from trainer.checkpoint.stores import Absent, BadRange, BadStoreUrl, DeleteRefused, open_store
from trainer.errors import FencedOut

KEY = base64.b64encode(b"a key for tests").decode()


@pytest.fixture(params=["gs", "az"])
def cloud(request):
    """A store of each cloud in front of its fake."""
    fake = CloudFake(request.param)
    common = {"client_options": {"allow_http": True}, "patience_s": 5}
    if request.param == "gs":
        token = {"token": "short-lived", "expires_at": None}
        store = open_store("gs://bucket/run", credentials=lambda: token, base_url=fake.url, **common)
    else:
        named = {"account_name": "account", "account_key": KEY, "endpoint": fake.url}
        store = open_store("az://container/run", **named, **common)
    yield fake, store
    fake.close()


def test_a_creation_is_conditional_and_so_is_a_swap(cloud):
    fake, store = cloud
    assert store.create("manifests/1.json", b"one")
    assert not store.create("manifests/1.json", b"two")
    asked = {name.lower(): value for name, value in fake.seen[0][1].items()}
    condition = ("x-goog-if-generation-match", "0") if fake.cloud == "gs" else ("if-none-match", "*")
    assert condition in asked.items()
    content, tag = store.read_tagged("manifests/1.json")
    assert content == b"one"
    assert store.swap("manifests/1.json", b"three", tag)
    assert not store.swap("manifests/1.json", b"four", tag)
    assert store.read("manifests/1.json") == b"three"


def test_ranges_and_absence_are_told(cloud):
    _, store = cloud
    store.create("blobs/x", b"0123456789")
    assert store.read("blobs/x", 2, 3) == b"234"
    assert store.head("blobs/x").bytes == 10
    with pytest.raises(BadRange):
        store.read("blobs/x", 8, 5)
    with pytest.raises(Absent):
        store.read("nothing")
    store.delete("blobs/x")
    store.delete("blobs/x")
    assert store.head("blobs/x") is None


def test_a_deletion_that_is_refused_is_told_as_such_even_inside_a_batch(cloud):
    fake, store = cloud
    store.create("blobs/x", b"x")
    fake.delete_status = "403 This request is not authorized to perform this operation."
    with pytest.raises(DeleteRefused, match="refuses to delete blobs/x"):
        store.delete("blobs/x")


def test_the_lease_fences_there_as_well(cloud):
    _, store = cloud
    take(store, 3)
    take(store, 3)
    with pytest.raises(FencedOut, match="Attempt 3 holds the lease; this is attempt 2"):
        take(store, 2)
    take(store, 4)
    assert holder(store) == 4


def test_short_lived_tokens_are_sent():
    fake, given = CloudFake("gs"), []

    def tokens():
        given.append(f"token-{len(given)}")
        return {"token": given[-1], "expires_at": None}

    options = {"base_url": fake.url, "client_options": {"allow_http": True}}
    open_store("gs://bucket/run", credentials=tokens, **options).create("a", b"1")
    fake.close()
    sent = {name.lower(): value for name, value in fake.seen[0][1].items()}
    assert sent["authorization"] == "Bearer token-0"


@pytest.mark.parametrize("url", ["s3://", "gs:///folder", "ftp://host/x", "az://"])
def test_an_address_without_a_bucket_or_of_no_store_we_know_is_refused(url):
    with pytest.raises(BadStoreUrl) as refused:
        open_store(url)
    assert refused.value.exit_code == 2


def test_an_option_that_a_cloud_does_not_have_is_refused():
    with pytest.raises(BadStoreUrl, match="cannot be opened"):
        open_store("s3://bucket/x", no_such_option="1")


def test_a_cap_on_the_uplink_makes_each_transfer_wait_behind_the_last():
    now, slept = [0.0], []
    capped = Bandwidth(100.0, now_s=lambda: now[0], sleep=slept.append)
    for _ in range(3):
        capped.wait(50)  # At 100 bytes a second: begin at 0, 0.5 and 1.0 s.
    assert slept == [0.5, 1.0]
    now[0] = 10.0
    capped.wait(50)
    assert slept == [0.5, 1.0]


def test_the_rate_to_count_on_is_the_slow_end_of_what_was_seen():
    meter = Bandwidth()
    assert meter.bytes_per_s() is None
    for seconds in range(1, 11):
        meter.record(1_000_000, seconds)
    meter.record(10, 1e-9)  # Too small to mean anything.
    # By hand: rates 1e5, 1.11e5, …, 1e6; a tenth of ten did not reach the second, half not the sixth.
    assert meter.bytes_per_s(0.1) == pytest.approx(1e6 / 9)
    assert meter.bytes_per_s(0.5) == pytest.approx(1e6 / 5)
    assert meter.total_bytes == 10_000_010
