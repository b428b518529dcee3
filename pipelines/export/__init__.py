"""What a visitor takes home, and how it comes back: COCO JSON, pictures, tables, the session's ZIP."""

from pipelines.export.coco import coco, region_json
from pipelines.export.files import cut_out_png, mask_png, table_csv, write_picture
from pipelines.export.session import BrokenSession, alone, open_session, recipe, save_session

__all__ = [
    "BrokenSession",
    "alone",
    "coco",
    "cut_out_png",
    "mask_png",
    "open_session",
    "recipe",
    "region_json",
    "save_session",
    "table_csv",
    "write_picture",
]
