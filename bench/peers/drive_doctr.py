"""Plain text crops from doctr-synth-generator: its own font, blur, noise and paper effects all off."""

from __future__ import annotations

from driving import arguments, font_folder, phrases
from generator.api import generate_dataset

OFF = ("outline_prob", "bold_prob", "invert_prob", "colored_ink_prob", "rotation_prob", "blur_prob", "perspective_prob",
       "pixel_dropout_prob", "final_blur_prob", "noise_prob", "jpeg_prob", "brightness_jitter", "contrast_jitter", "ink_color_jitter")


def main() -> None:
    """One worker process; a crop of 32 px text with padding is about 256x64."""
    args = arguments()
    lines = args.out / "lines.txt"
    folder = font_folder(args.out, args.fonts)
    lines.write_text("\n".join(phrases(args.words, args.images)), encoding="utf-8")
    off = dict.fromkeys(OFF, 0.0)
    generate_dataset(str(args.out / "data"), num_images=args.images, wordlist_path=str(lines), font_dir=str(folder),
                     auto_download_fonts=False, auto_download_backgrounds=False, ensure_vocab_coverage=False, num_workers=1,
                     val_percent=0.0, supersample=1, font_size_range=(32, 32), padding=16, text_opacity_range=(255, 255), **off)


if __name__ == "__main__":
    main()
