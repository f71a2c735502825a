"""A bundle answers as the estimator did, and is refused if anything is amiss."""

import pickle
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.special import expit

from breakcast.blobs import FolderBlobs
from breakcast.errors import BadInput, BundleError
from breakcast.features.catalog import Catalog
from breakcast.features.columns import catalog_of
from breakcast.model.bundle import Bundle, load_bundle
from breakcast.model.bundlewriting import write_bundle
from breakcast.model.manifest import (
    FILES,
    MANIFEST,
    PICKLE,
    TREES,
    Manifest,
    decode_manifest,
    encode_readably,
    seal,
)
from tests.model.made_bundles import CATALOG, CREATED_AT, make_parts, make_table

ROWS = make_table(seed=1).rows


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "written"
    write_bundle(make_parts(), folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A bundle of the test's own, to damage."""
    return Path(shutil.copytree(written, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def bundle(written: Path) -> Bundle:
    return load_bundle(written, expected_manifest_sha256=_manifest_sha256(written))


def test_answers_as_the_estimator_does(bundle: Bundle) -> None:
    estimator = make_parts().estimator
    assert estimator is not None

    logit = bundle.logit(ROWS.astype(np.float64))

    expected = estimator.decision_function(ROWS)
    np.testing.assert_allclose(logit, expected, rtol=0, atol=1e-9)


def test_a_row_is_scored_the_same_alone_and_among_others(bundle: Bundle) -> None:
    together = bundle.logit(ROWS)

    alone = [bundle.logit(ROWS[at : at + 1])[0] for at in range(50)]

    assert together[:50].tolist() == alone


def test_rows_of_the_table_and_their_doubles_are_scored_the_same(
    bundle: Bundle,
) -> None:
    assert bundle.logit(ROWS).tolist() == bundle.logit(ROWS.astype(float)).tolist()


def test_the_headline_alone_is_a_row_with_the_rest_unknown(bundle: Bundle) -> None:
    headline = np.array([[0.5, 0.3, 0.8, 0.2]])
    full = np.full((1, CATALOG.width), np.nan)
    full[:, :4] = headline

    assert bundle.logit(headline).tolist() == bundle.logit(full).tolist()


def test_no_vectors_are_no_answers(bundle: Bundle) -> None:
    assert bundle.logit(np.empty((0, CATALOG.width))).shape == (0,)
    assert bundle.probability(np.empty((0, 4))).shape == (0,)


def test_a_number_too_large_for_the_table_is_infinite(bundle: Bundle) -> None:
    huge, infinite = np.full((1, 4), 1e300), np.full((1, 4), np.inf)

    assert bundle.logit(huge).tolist() == bundle.logit(infinite).tolist()


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((1, 3)),
        np.zeros((1, 5)),
        np.zeros((1, CATALOG.width + 1)),
        np.zeros(4),
        np.zeros((1, 1, 4)),
        np.zeros((1, 4), np.int64),
        np.array([["a", "b", "c", "d"]]),
    ],
)
def test_vectors_of_other_shape_or_kind_are_refused(
    bundle: Bundle, vectors: np.ndarray
) -> None:
    with pytest.raises(BadInput, match=rf"\(n, {CATALOG.width}\), or \(n, 4\)"):
        bundle.logit(vectors)


def test_probability_is_the_calibrated_logit(bundle: Bundle) -> None:
    expected = expit(1.25 * bundle.logit(ROWS) - 0.125)

    np.testing.assert_allclose(bundle.probability(ROWS), expected, atol=1e-15)


def test_a_known_repository_adds_its_offset(bundle: Bundle) -> None:
    repos = ["acme/repo-0", "acme/stranger"]

    known, stranger = bundle.probability(ROWS[:2], repos)

    logit = bundle.logit(ROWS[:2]).tolist()
    assert known == bundle.calibration.probability(logit[0], "acme/repo-0")
    assert stranger == bundle.probability(ROWS[:2])[1]
    assert known != bundle.probability(ROWS[:2])[0]


def test_there_is_one_repository_a_vector(bundle: Bundle) -> None:
    with pytest.raises(BadInput, match="2 repositories are given for 1 vectors"):
        bundle.probability(ROWS[:1], ["acme/a", "acme/b"])


def test_what_went_in_comes_out(bundle: Bundle) -> None:
    parts = make_parts()

    assert bundle.version == "v0.0"
    assert bundle.confidence_cut == 0.75
    assert bundle.catalog == CATALOG
    assert bundle.calibration == parts.calibration
    assert bundle.prior == parts.prior
    assert bundle.reference == parts.reference
    assert bundle.evaluation() == parts.evaluation
    assert bundle.manifest.created_at == CREATED_AT
    assert bundle.manifest.ledger_position == 1_234


def test_the_same_parts_give_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = write_bundle(make_parts(), tmp_path / "again")

    assert again == _manifest_sha256(written)


def test_the_card_says_what_it_is_in_words(bundle: Bundle) -> None:
    for words in (
        "ends red, whatever the cause",
        "540 builds of 4 repositories",
        "started from 2025-06-01 00:00 to 2025-07-01 00:00 UTC",
        "position 1234",
        CATALOG.hash,
        "seed 0",
        "| metric | model | parrot | majority | macro model |",
        "| roc_auc |",
        "forests that had not seen them",
        "Verdict: **",
        "breakcast models rebuild",
    ):
        assert words in bundle.card


def test_without_anybody_vouching_for_it_it_is_loaded_all_the_same(
    written: Path,
) -> None:
    assert load_bundle(written).version == "v0.0"


def test_a_bundle_in_a_store_is_loaded_below_its_prefix(
    written: Path, bundle: Bundle
) -> None:
    loaded = load_bundle(FolderBlobs(written.parent), written.name)

    assert loaded.manifest_sha256 == bundle.manifest_sha256


def test_the_pickle_is_never_unpickled(folder: Path) -> None:
    proof = folder.parent / "unpickled"
    _replace(folder, PICKLE, pickle.dumps(_Trap(str(proof))))

    load_bundle(folder)

    assert not proof.exists()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()

    _refuses(folder, f"{name} is missing, manifest.json names it")


def test_a_missing_manifest_is_refused(folder: Path) -> None:
    (folder / MANIFEST).unlink()

    _refuses(folder, "manifest.json is missing; without it this is no bundle")


def test_a_missing_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    _refuses(tmp_path / "nowhere", "there is no folder")

    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_with_both_hashes(folder: Path, name: str) -> None:
    blob = bytearray((folder / name).read_bytes())
    before = seal(bytes(blob)).sha256
    blob[len(blob) // 2] ^= 1
    (folder / name).write_bytes(blob)

    _refuses(folder, f"{name} has .* {seal(bytes(blob)).sha256}.*{before}")


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(folder: Path, name: str) -> None:
    blob = (folder / name).read_bytes()
    (folder / name).write_bytes(blob[:-1])

    _refuses(folder, f"{name} has {len(blob) - 1} bytes .*says {len(blob)} and")


@pytest.mark.parametrize("name", ["more.json", ".hidden", "below/more.json"])
def test_a_file_too_many_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")

    _refuses(folder, f"{name} is not in manifest.json")


def test_another_manifest_than_was_promoted_is_refused(folder: Path) -> None:
    found, promoted = _manifest_sha256(folder), "0" * 64

    with pytest.raises(BundleError, match=rf"{found}, {promoted} was promoted"):
        load_bundle(folder, expected_manifest_sha256=promoted)


def test_a_version_that_is_none_is_refused(folder: Path) -> None:
    """It becomes a label of metrics and part of keys."""
    _rewrite(folder, msgspec.structs.replace(_manifest(folder), version="../v1.0"))

    _refuses(folder, r"no manifest of a bundle: .*\$\.version")


@pytest.mark.parametrize("encoded", [b"", b"{}", b"\xff", b"[1]", b'{"format": 2}'])
def test_what_is_no_manifest_is_refused(folder: Path, encoded: bytes) -> None:
    (folder / MANIFEST).write_bytes(encoded)

    _refuses(folder, "manifest.json is no manifest of a bundle")


def test_another_format_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b'{"format": 99, "later": true}')

    _refuses(folder, "has format 99, this code reads 2")


def test_another_catalog_than_its_hash_says_is_refused(folder: Path) -> None:
    _replace(folder, "catalog.json", encode_readably(catalog_of()))

    _refuses(folder, f"has hash {catalog_of().hash}, .* says {CATALOG.hash}")


def test_a_feature_this_code_does_not_compute_is_refused(folder: Path) -> None:
    _with_catalog(folder, _renamed(CATALOG, 7, "change.files_painted"))

    _refuses(folder, r"not what this code computes .*change\.files_painted")


def test_columns_in_another_order_are_refused(folder: Path) -> None:
    features = (CATALOG.features[1], CATALOG.features[0], *CATALOG.features[2:])
    _with_catalog(folder, msgspec.structs.replace(CATALOG, features=features))

    _refuses(folder, "different: their order")


def test_trees_of_another_width_are_refused(folder: Path) -> None:
    _with_catalog(folder, catalog_of(signals=("sloc", "more", "most")))

    _refuses(folder, f"takes {CATALOG.width} columns, catalog.json has")


@pytest.mark.parametrize("name", ["calibration.json", "prior.json", "reference.json"])
def test_a_sealed_file_of_another_form_is_refused(folder: Path, name: str) -> None:
    _replace(folder, name, b'{"slope": "steep"}')

    _refuses(folder, f"{name} cannot be read")


@pytest.mark.parametrize("blob", [b"", b"no trees", bytes(4096)])
def test_what_is_no_checkpoint_is_refused(folder: Path, blob: bytes) -> None:
    _replace(folder, TREES, blob)

    _refuses(folder, "the trees cannot be read, tried in a process of its own")


def test_a_manifest_that_leaves_a_file_out_is_refused(folder: Path) -> None:
    manifest = _manifest(folder)
    files = {name: found for name, found in manifest.files.items() if name != TREES}
    (folder / TREES).unlink()
    _rewrite(folder, msgspec.structs.replace(manifest, files=files))

    _refuses(folder, "model.treelite is not named in manifest.json")


def test_a_manifest_that_names_a_file_elsewhere_is_refused(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(b"")
    _replace(folder, "../secret", b"")

    _refuses(folder, r"\.\./secret is strange in manifest\.json")


class _Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.path, "w")


def _refuses(folder: Path, why: str) -> None:
    with pytest.raises(BundleError, match=why):
        load_bundle(folder)


def _manifest(folder: Path) -> Manifest:
    return decode_manifest((folder / MANIFEST).read_bytes())


def _manifest_sha256(folder: Path) -> str:
    return seal((folder / MANIFEST).read_bytes()).sha256


def _rewrite(folder: Path, manifest: Manifest) -> None:
    (folder / MANIFEST).write_bytes(encode_readably(manifest))


def _replace(folder: Path, name: str, blob: bytes) -> None:
    """Replace a file and its seal, as somebody who knows the format could."""
    (folder / name).write_bytes(blob)
    manifest = _manifest(folder)
    sealed = manifest.files | {name: seal(blob)}
    _rewrite(folder, msgspec.structs.replace(manifest, files=sealed))


def _with_catalog(folder: Path, catalog: Catalog) -> None:
    _replace(folder, "catalog.json", encode_readably(catalog))
    manifest = msgspec.structs.replace(
        _manifest(folder), catalog_hash=catalog.hash, width=catalog.width
    )
    _rewrite(folder, manifest)


def _renamed(catalog: Catalog, at: int, name: str) -> Catalog:
    features = list(catalog.features)
    features[at] = msgspec.structs.replace(features[at], name=name)
    return msgspec.structs.replace(catalog, features=tuple(features))
