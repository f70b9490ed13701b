"""Run by the loaders' own Python: reads a project with `datasets` and `mlcroissant`, and prints what it saw as JSON."""

import json
import logging
import os
import sys

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def with_datasets(project, cache):
    """Every row of `load_dataset`, decoded."""
    from datasets import load_dataset

    rows = load_dataset(project, split="train", cache_dir=cache)
    kinds = [name for name, feature in rows.features.items() if type(feature).__name__ == "Image"]
    return {
        "kinds": sorted(kinds), "rows": len(rows),
        "pairs": sorted([row["clear_sha256"], row["text"], *map(list, (row["clear"].size, row["blurred"].size))] for row in rows),
    }


def with_croissant(project):
    """Every record of croissant.json, and what its library thinks of the file."""
    import mlcroissant

    path = f"{project}/croissant.json"
    told = mlcroissant.Dataset(jsonld=path)
    issues = told.metadata.ctx.issues
    records = {entry.name: list(told.records(record_set=entry.name)) for entry in told.metadata.record_sets}
    names = {name: sorted(record[f"{name}/file_name"].decode() for record in found) for name, found in records.items() if name != "pairs"}
    return {
        "errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "rewritten": told.metadata.to_json(), "names": names,
        "pairs": [[record[f"pairs/{half}_file_name"].decode() for half in ("clear", "blurred")] for record in records["pairs"]],
        "sizes": sorted({record["clear/image"].size for record in records["clear"]}),
    }


if __name__ == "__main__":
    logging.disable()
    tree, folder = sys.argv[1:]
    print(json.dumps({"datasets": with_datasets(tree, folder), "croissant": with_croissant(tree)}, default=str))
