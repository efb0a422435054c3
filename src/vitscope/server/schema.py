"""Write the API's schema, from which the web app's types are generated.

`python -m vitscope.server.schema web/openapi.json`, then `npm run types` in web/; `make types` does both.
Knows nothing about: runs; it describes the routes alone.
"""

import json
import sys
from pathlib import Path

from vitscope.server.app import api


def schema_text() -> str:
    """The OpenAPI document as committed: sorted, indented, without the version that changes at each release."""
    document = api().openapi()
    document["info"]["version"] = "0"
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
