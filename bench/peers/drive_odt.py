"""Text lines from ocr-data-toolkit with its effects at probability 0 (paper and brightness cannot be switched off)."""

from __future__ import annotations

from driving import arguments, font_folder
from ocr_data_toolkit import ODT

PLAIN = {"max_num_words": 3, "font_size": 32, "letter_spacing_prob": 0.0, "blur_probs": {"gaussian": 0.0, "custom_blurs": 0.0},
         "moire_prob": 0.0, "opacity_prob": 0.0, "perspective_transform_prob": 0.0}


def main() -> None:
    """One worker process."""
    args = arguments()
    folder = font_folder(args.out, args.fonts)
    toolkit = ODT(language="en", bag_of_words=args.words.read_text().split(), fonts_path=str(folder), text_probs={"text": 1.0},
                  output_image_size=(256, 64), output_save_path=str(args.out / "data"), augmentation_config=PLAIN, num_workers=1)
    toolkit.generate_training_data(args.images)


if __name__ == "__main__":
    main()
