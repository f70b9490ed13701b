"""The presets that come with fontmill, as TOML (`presets` explains the form). A published preset never
changes: a better one gets a new name.

`plain` is the benchmark's: Gaussian blur of sigma 2 px on the sRGB codes and mild Gaussian noise.

`document-camera-v1` is text seen by a hand-held camera. Ranges hold for 20 px per em and grow with the
text: disc radius U[0.5, 4] px, motion support U[5, 21] px, noise sigma U[0, 7]/255, rotation N(0, 1 deg)
and tilt N(0, 4 deg) from Hradis et al., "Convolutional Neural Networks for Direct Text Deblurring", BMVC
2015; Gaussian sigma U[0.3, 3] px and JPEG quality U[50, 95] from within Real-ESRGAN's ranges. The weights
of the mixture, and JPEG in three of ten, are this project's proposal.

`hradis2015` replicates the degradations of the same paper: disc radius U[0, 4] px, motion kernels of
U[5, 21] px, and both; Gaussian noise sigma U[0, 7]/255; rotation N(0, 1 deg), tilt N(0, 4 deg); text of
17 to 25 px per em; on the codes, as there. Unlike theirs, kernels are centred, so pairs are registered.

`textzoom-x2` has a half-size degraded picture. TextZoom (Wang et al., "Scene Text Image Super-Resolution
in the Wild", ECCV 2020) pairs two photographs at a ratio of 2 and says that misalignment is its flaw;
this is a registered stand-in for it: optical blur, reduction by area, sensor noise as in RSBlur (Rim et
al., ECCV 2022: shot 8.9e-5, read 2.9e-5, times 0.5 to 1.5), JPEG as cameras write it.

`realesrgan` follows the second-order pipeline of Real-ESRGAN (Wang et al., ICCVW 2021) with the numbers
of its published options for x4: blur (isotropic 0.45, anisotropic 0.25, generalised 0.12 and 0.03,
plateau 0.12 and 0.03 of nine tenths; sinc 0.1), resize (up 0.2, down 0.7, from 0.15 to 1.5), noise
(Gaussian 1-30 or Poisson 0.05-3), JPEG 30-95, and all of it again, milder (blur in 0.8, resize to 0.3 to
1.2 of the finished size); sinc at the end in 0.8, then JPEG. Differences: kernels reach 3 sigma (plateau
4) instead of a drawn size, Poisson noise is its normal approximation, noise is never the same in all
channels, and the last sinc always comes before the last JPEG, never after it.
"""

from __future__ import annotations

from typing import Final

_PLAIN: Final = """
light = "gamma"
step = [
  { kind = "gaussian", sigma = 2.0 },
  { kind = "gaussian-noise", sigma = 3.0 },
]
"""

_DOCUMENT_CAMERA: Final = """
light = "linear"
reference_em = 20.0
most_scale = 2.0
geometry = { rotation = 1.0, tilt = 4.0 }
step = [
  { any = [
    { weight = 0.25, kind = "disc", radius = [0.5, 4.0] },
    { weight = 0.25, kind = "motion", support = [5.0, 21.0] },
    { weight = 0.30, kind = "disc-motion", radius = [0.5, 4.0], support = [5.0, 21.0] },
    { weight = 0.09, kind = "gaussian", sigma = [0.3, 3.0] },
    { weight = 0.06, kind = "elliptic-gaussian", sigma_x = [0.3, 3.0], sigma_y = [0.3, 3.0], angle = [0.0, 180.0] },
    { weight = 0.05, kind = "identity" },
  ] },
  { kind = "gaussian-noise", sigma = [0.0, 7.0] },
  { kind = "jpeg", probability = 0.3, quality = [50, 95] },
]
"""

_HRADIS: Final = """
light = "gamma"
size_px = [17.0, 25.0]
geometry = { rotation = 1.0, tilt = 4.0 }
step = [
  { any = [
    { kind = "disc", radius = [0.0, 4.0] },
    { kind = "motion", support = [5.0, 21.0] },
    { kind = "disc-motion", radius = [0.0, 4.0], support = [5.0, 21.0] },
  ] },
  { kind = "gaussian-noise", sigma = [0.0, 7.0] },
]
"""

_TEXTZOOM: Final = """
light = "linear"
scale = 2
reference_em = 32.0
most_scale = 2.0
step = [
  { any = [
    { weight = 0.5, kind = "gaussian", sigma = [0.4, 1.6] },
    { weight = 0.3, kind = "disc", radius = [0.5, 2.5] },
    { weight = 0.2, kind = "motion", support = [2.0, 8.0] },
  ] },
  { kind = "final-resize", filter = "area" },
  { kind = "poisson-gaussian-noise", light = "linear", shot = [4.45e-5, 13.35e-5], read = [1.45e-5, 4.35e-5] },
  { kind = "jpeg", probability = 0.5, quality = [70, 95] },
]
"""


def _stage(chance: float, sigma: str, resize: str, gaussian: str, poisson: str) -> str:
    ellipse = f"sigma_x = {sigma}, sigma_y = {sigma}, angle = [0.0, 180.0]"
    return f"""
  {{ probability = {chance}, any = [
    {{ weight = 0.405, kind = "gaussian", sigma = {sigma} }},
    {{ weight = 0.225, kind = "elliptic-gaussian", {ellipse} }},
    {{ weight = 0.108, kind = "isotropic-generalised-gaussian", beta = [0.5, 4.0], sigma = {sigma} }},
    {{ weight = 0.027, kind = "generalised-gaussian", beta = [0.5, 4.0], {ellipse} }},
    {{ weight = 0.108, kind = "isotropic-plateau", beta = [1.0, 2.0], sigma = {sigma} }},
    {{ weight = 0.027, kind = "plateau", beta = [1.0, 2.0], {ellipse} }},
    {{ weight = 0.0375, kind = "sinc", cutoff = [1.0472, 3.1416], radius = [3, 5] }},
    {{ weight = 0.0625, kind = "sinc", cutoff = [0.6283, 3.1416], radius = [6, 10] }},
  ] }},
  {{ any = [ {resize} ] }},
  {{ any = [
    {{ weight = 0.5, kind = "gaussian-noise", sigma = {gaussian} }},
    {{ weight = 0.5, kind = "poisson-noise", scale = {poisson} }},
  ] }},"""


def _resize(kind: str, up: tuple[float, float], down: tuple[float, float], keep: float) -> str:
    """Return the choices of a resize by (weight, farthest factor) upwards and downwards, else by 1."""
    ranges = ((up[0], [1.0, up[1]]), (down[0], [down[1], 1.0]), (keep, [1.0, 1.0]))
    filters = '["area", "bilinear", "bicubic"]'
    return ", ".join(f'{{ weight = {w}, kind = "{kind}", factor = {r}, filter = {filters} }}' for w, r in ranges)


_REALESRGAN: Final = (
    'light = "gamma"\nscale = 4\nstep = ['
    + _stage(1.0, "[0.2, 3.0]", _resize("resize", (0.2, 1.5), (0.7, 0.15), 0.1), "[1.0, 30.0]", "[0.05, 3.0]")
    + '\n  { kind = "jpeg", quality = [30, 95] },'
    + _stage(0.8, "[0.2, 1.5]", _resize("target-resize", (0.3, 1.2), (0.4, 0.3), 0.3), "[1.0, 25.0]", "[0.05, 2.5]")
    + """
  { kind = "final-resize", filter = ["area", "bilinear", "bicubic"] },
  { kind = "sinc", probability = 0.8, cutoff = [1.0472, 3.1416], radius = [3, 10] },
  { kind = "jpeg", quality = [30, 95] },
]
"""
)

SOURCES: Final[dict[str, str]] = {
    "document-camera-v1": _DOCUMENT_CAMERA,
    "plain": _PLAIN,
    "hradis2015": _HRADIS,
    "textzoom-x2": _TEXTZOOM,
    "realesrgan": _REALESRGAN,
}
