"""The frozen values that cross the wire or the disk. Counters `*_images` count files, `*_samples` count pairs.

Times are ISO 8601 UTC strings where they are stored, seconds (float) where they are measured.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

SessionStatus = Literal["active", "paused", "completed", "failed"]
FontStatus = Literal["pending", "processing", "completed", "failed", "skipped"]
IMAGES_PER_SAMPLE = 2
SCHEMA_VERSION = 1


class Record:
    """Base of the frozen records: to and from maps of JSON types. Unknown keys are ignored on reading."""

    def to_dict(self) -> dict[str, Any]:
        """A map of JSON types, nested records included."""
        return {name: value if type(value) in _SCALARS else _plain(value) for name, value in self.fields().items()}

    def fields(self) -> dict[str, Any]:
        """The values as they are, by name."""
        kind = type(self)
        return dict(zip(_field_names(kind), _field_values(kind)(self), strict=True))  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`'s map. Raises TypeError when a required key is missing."""
        known = _field_names(cls)  # type: ignore[arg-type]
        nested: Mapping[str, type[Record]] | None = getattr(cls, "NESTED", None)
        if nested is None:
            return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known})
        return cls(**{k: _shaped(nested.get(k), v) for k, v in data.items() if k in known})


@functools.cache
def _field_names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls))


@functools.cache
def _field_values(cls: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    names = _field_names(cls)  # type: ignore[arg-type]
    if len(names) > 1:
        return operator.attrgetter(*names)  # of one name it would give no tuple, of none it cannot be made
    return lambda record: tuple(getattr(record, name) for name in names)


_SCALARS = frozenset({str, int, float, bool, bytes, type(None)})


def _plain(value: Any) -> Any:
    # Every message and every file of state comes through here: most of what they hold is scalars.
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _SCALARS else _plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: item if type(item) in _SCALARS else _plain(item) for key, item in value.items()}
    return value.to_dict() if isinstance(value, Record) else value


def _shaped(kind: type[Record] | None, value: Any) -> Any:
    if kind is not None and isinstance(value, (list, tuple)):
        return tuple(kind.from_dict(item) for item in value)
    if kind is not None and isinstance(value, Mapping):
        return kind.from_dict(value)
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class ExportConfig(Record):
    """What is made (all of it decides the bytes of the tree) and how it is kept safe (`OPERATIONAL`).

    `text_sha256` stands for the text of the source `user`, which lies in a file of the project.
    """

    num_samples: int = 100
    image_width: int = 256
    image_height: int = 64
    seed: int = 0
    style_variations: bool = False
    enable_special_effects: bool = False
    preset: str = "document-camera-v1"
    color: str = "gray"
    text: str = "words"
    effects: tuple[str, ...] = ()
    preset_source: str = ""
    text_sha256: str = ""
    text_lines: int = 1
    text_min_words: int = 1
    text_max_words: int = 6
    text_min_chars: int = 3
    text_max_chars: int = 14
    licences: tuple[str, ...] = ()
    png_level: int = 1
    masks: bool = False
    psf_images: bool = False
    compress_metadata: bool = False
    durability: str = "batch"
    fallback_paths: tuple[str, ...] = ()

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"durability", "fallback_paths"})

    def identity(self) -> dict[str, Any]:
        """The part that decides the bytes of the tree (I2)."""
        return {k: v for k, v in self.to_dict().items() if k not in self.OPERATIONAL}

    @property
    def image_kinds(self) -> tuple[str, ...]:
        """The image files of every pair, in the order of its label."""
        extras = (("mask", self.masks), ("kernel", self.psf_images))
        return ("clear", "blurred", *(kind for kind, wanted in extras if wanted))


@dataclass(frozen=True, slots=True)
class FontInfo(Record):
    """One face of one file, accepted or refused. `source` is the path the daemon read it from."""

    font_id: str
    source: str
    sha256: str = ""
    face_index: int = 0
    total_samples: int = 0
    status: str = "pending"
    reason: str = ""
    slug: str = ""
    family: str = ""
    style: str = ""
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the face passed its probe and is rendered."""
        return self.slug == ""


@dataclass(frozen=True, slots=True)
class FontProgress(Record):
    """The original design's FontProgress; `last_image_index` is the largest finished index."""

    font_name: str
    status: FontStatus
    total_samples: int
    done_samples: int
    failed_samples: int
    skipped_samples: int
    total_images: int
    completed_images: int
    failed_images: int
    last_image_index: int
    start_time: str | None
    completion_time: str | None
    processing_rate: float
    estimated_time_remaining: float | None
    error_count: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class OverallProgress(Record):
    """A session's progress; I4 holds: total = exported + failed + skipped when complete."""

    total_samples: int
    exported_samples: int
    failed_samples: int
    skipped_samples: int
    total_images: int
    exported_images: int
    failed_images: int
    processing_rate: float
    estimated_time_remaining: float | None
    fonts: dict[str, int]


@dataclass(frozen=True, slots=True)
class ProcessingStats(Record):
    """Counts and bytes of one session since this daemon took it up."""

    batches: int
    samples: int
    bytes_written: int
    render_seconds: float
    write_seconds: float
    retries: int
    worker_deaths: int


@dataclass(frozen=True, slots=True)
class PerformanceMetrics(Record):
    """Where a session's time goes, as shares of worker seconds, and the rate in pairs per second."""

    samples_per_second: float
    samples_per_cpu_second: float
    bytes_per_second: float
    stages: dict[str, float]
    bottleneck: str


@dataclass(frozen=True, slots=True)
class Part(Record):
    """Samples of a session that lie in another tree: index ranges by font. `path` is that project's."""

    path: str
    fonts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExportSession(Record):
    """A project being exported: what `session.json` holds and `createSession` returns."""

    NESTED: ClassVar[Mapping[str, type[Record]]] = {"config": ExportConfig, "fonts": FontInfo, "parts": Part}

    session_id: str
    project_name: str
    output_path: str
    created_at: str
    config: ExportConfig
    fonts: tuple[FontInfo, ...]
    fingerprint: dict[str, str]
    schema_version: int = SCHEMA_VERSION
    parts: tuple[Part, ...] = ()

    @property
    def project_path(self) -> str:
        """The folder of the project."""
        return f"{self.output_path.rstrip('/')}/{self.project_name}"

    @property
    def total_samples(self) -> int:
        """Requested pairs, refused fonts included (they count as skipped)."""
        return sum(font.total_samples for font in self.fonts)


@dataclass(frozen=True, slots=True)
class ResultError(Record):
    """Why an export of one picture failed."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class ExportResult(Record):
    """What `exportImage` tells of one file. `export_time` in seconds, `file_size` in bytes."""

    NESTED: ClassVar[Mapping[str, type[Record]]] = {"error": ResultError}

    success: bool
    export_time: float
    file_path: str | None = None
    file_size: int | None = None
    error: ResultError | None = None


@dataclass(frozen=True, slots=True)
class BatchExportResult(Record):
    """What `exportBatch` tells: one result a file, in the order given."""

    NESTED: ClassVar[Mapping[str, type[Record]]] = {"results": ExportResult}

    results: tuple[ExportResult, ...]
    exported_images: int
    failed_images: int


@dataclass(frozen=True, slots=True)
class SessionSummary(Record):
    """`summary.json`, written last. Counts obey I4; `failures` maps a reason to its number of samples.

    `files` has the SHA-256 of the card, the other documents and the fonts' records, by name within the project.
    """

    session_id: str
    project_name: str
    status: str
    created_at: str
    completed_at: str
    total_samples: int
    exported_samples: int
    failed_samples: int
    skipped_samples: int
    total_images: int
    exported_images: int
    failed_images: int
    fonts: tuple[dict[str, Any], ...]
    failures: dict[str, int]
    config: dict[str, Any]
    fingerprint: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class PathValidation(Record):
    """Whether an output path may be used: beneath an allowed root, a folder, writable."""

    path: str
    ok: bool
    slug: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpaceCheck(Record):
    """Room on the output's file system, in bytes and inodes, beside what the session will need."""

    ok: bool
    required_bytes: int
    available_bytes: int
    required_inodes: int
    available_inodes: int


@dataclass(frozen=True, slots=True)
class ProjectStructure(Record):
    """The folders `createProjectStructure` made or found. `new_fonts`: the ids of fonts whose folder it made."""

    project_path: str
    fonts_path: str
    logs_path: str
    new_fonts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExistingFileMap(Record):
    """What `scanExistingFiles` found: per font the sizes of its images by file name, and what is not ours."""

    images: dict[str, dict[str, int]]
    foreign: tuple[str, ...]
    litter: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Damage(Record):
    """One file that is not as it must be; `file` is relative to the project. Of kind `out-of-reach` it is a part's whole path."""

    file: str
    kind: str
    font_id: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class ValidationResult(Record):
    """What verification found. `checked` counts files looked at, `left_out` findings beside those in `damaged`.

    `parts` are the projects in which other pairs of the session lie, which were not looked at: `{path, samples, in_reach}`.
    """

    NESTED: ClassVar[Mapping[str, type[Record]]] = {"damaged": Damage}

    ok: bool
    checked: int
    damaged: tuple[Damage, ...] = ()
    left_out: int = 0
    parts: tuple[dict[str, Any], ...] = ()

    @property
    def damages(self) -> int:
        """How many findings there are."""
        return len(self.damaged) + self.left_out


@dataclass(frozen=True, slots=True)
class SampleFailureRecord(Record):
    """Samples of one font that were given up for one reason, as inclusive index ranges."""

    slug: str
    reason: str
    ranges: tuple[Any, ...]
