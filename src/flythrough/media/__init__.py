"""Pictures, and films that can be watched while they are made (PyAV)."""

from flythrough.media.files import check_writable, written_whole
from flythrough.media.hls import HlsWriter
from flythrough.media.output import check_film, film_writer
from flythrough.media.pictures import ContactSheet, Film, Picture, exif_fov_deg, fit, load_image, save_image
from flythrough.media.pipe import PipeWriter
from flythrough.media.reading import complete_frames, read_metadata, read_video
from flythrough.media.writing import FilmWriter, VideoWriter

__all__ = [
    "ContactSheet",
    "Film",
    "FilmWriter",
    "HlsWriter",
    "Picture",
    "PipeWriter",
    "VideoWriter",
    "check_film",
    "check_writable",
    "complete_frames",
    "exif_fov_deg",
    "film_writer",
    "fit",
    "load_image",
    "read_metadata",
    "read_video",
    "save_image",
    "written_whole",
]
