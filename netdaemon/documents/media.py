"""Media types by a name's ending (RFC 6838; the IANA registry), a table of our own.

The system's mime.types differs from machine to machine, and a wrong type is a hole as soon as a browser obeys it.
"""

from __future__ import annotations

from types import MappingProxyType

_TABLE = """
application/atom+xml            atom
application/epub+zip            epub
application/gzip                gz tgz
application/java-archive        jar
application/json                json map
application/ld+json             jsonld
application/manifest+json       webmanifest
application/msword              doc
application/ogg                 ogx
application/pdf                 pdf
application/pgp-keys            asc
application/pgp-signature       sig
application/postscript          ai eps ps
application/rdf+xml             rdf
application/rss+xml             rss
application/rtf                 rtf
application/sql                 sql
application/vnd.apple.mpegurl   m3u8
application/vnd.debian.binary-package  deb
application/vnd.ms-excel        xls
application/vnd.ms-fontobject   eot
application/vnd.ms-powerpoint   ppt
application/vnd.oasis.opendocument.presentation  odp
application/vnd.oasis.opendocument.spreadsheet   ods
application/vnd.oasis.opendocument.text          odt
application/vnd.openxmlformats-officedocument.presentationml.presentation  pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet          xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document    docx
application/vnd.sqlite3         sqlite sqlite3
application/wasm                wasm
application/x-7z-compressed     7z
application/x-bzip2             bz2
application/x-iso9660-image     iso
application/x-rpm               rpm
application/x-tar               tar
application/x-xz                xz
application/xhtml+xml           xhtml xht
application/xml                 xml xsl xsd
application/yaml                yaml yml
application/zip                 zip
application/zstd                zst
audio/aac                       aac
audio/flac                      flac
audio/matroska                  mka
audio/midi                      mid midi
audio/mp4                       m4a
audio/mpeg                      mp3
audio/ogg                       oga ogg opus spx
audio/wav                       wav
audio/webm                      weba
font/collection                 ttc
font/otf                        otf
font/ttf                        ttf
font/woff                       woff
font/woff2                      woff2
image/apng                      apng
image/avif                      avif
image/bmp                       bmp
image/gif                       gif
image/heic                      heic
image/jpeg                      jpg jpeg jpe
image/jxl                       jxl
image/png                       png
image/svg+xml                   svg
image/tiff                      tif tiff
image/vnd.microsoft.icon        ico
image/webp                      webp
message/rfc822                  eml mht mhtml
model/gltf+json                 gltf
model/gltf-binary               glb
model/stl                       stl
text/calendar                   ics
text/css                        css
text/csv                        csv
text/html                       html htm
text/javascript                 js mjs
text/markdown                   md markdown
text/plain                      txt text log conf ini cfg toml diff patch c h cc cpp hpp py rb pl sh go rs java
text/tab-separated-values       tsv
text/troff                      roff
text/vcard                      vcf
text/vtt                        vtt
video/matroska                  mkv
video/mp2t                      ts
video/mp4                       mp4 m4v
video/mpeg                      mpeg mpg mpe
video/ogg                       ogv
video/quicktime                 mov
video/vnd.avi                   avi
video/webm                      webm
"""

UNKNOWN = b"application/octet-stream"
_PLAIN_TEXT = b"text/plain; charset=utf-8"
_PLAIN_TEXT_NAMES = frozenset((b"readme", b"license", b"licence", b"copying", b"changes", b"authors", b"makefile"))
# These are text whatever their top-level name says, and UTF-8 unless they say otherwise themselves.
_TEXTUAL = {"application/json", "application/ld+json", "application/manifest+json", "application/yaml",
            "application/sql"}  # fmt: skip


def _read(table: str) -> dict[bytes, bytes]:
    types = {}
    for line in table.split("\n"):
        media_type, *endings = line.split() or [""]
        charset = "; charset=utf-8" if media_type.startswith("text/") or media_type in _TEXTUAL else ""
        for ending in endings:
            types[ending.encode("ascii")] = (media_type + charset).encode("ascii")
    return types


TYPES = MappingProxyType(_read(_TABLE))
"""Ending without its dot, lower case -> Content-Type."""


def content_type(path: bytes) -> bytes:
    """The Content-Type of a document by its name."""
    name = path[path.rfind(b"/") + 1 :]
    stem, dot, ending = name.rpartition(b".")
    if dot and stem:
        return TYPES.get(ending) or TYPES.get(ending.lower(), UNKNOWN)
    return _PLAIN_TEXT if name.lower() in _PLAIN_TEXT_NAMES else UNKNOWN
