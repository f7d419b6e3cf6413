"""What must be done before code can run: packages installed, TypeScript bundled, archives unpacked.

A function whose code is ready as it lies is mounted from the working tree, so that a saved file is live at once. All
others get a *stage*: one real directory in the cache (a sandbox sees it through one mount) of hard links to the code,
and to packages that were installed once for the hash of their manifest. Packages lie beside the code, as on AWS. After
files have changed, `Builder.refresh` brings the stages that hold them up to date: links replaced, bundles made anew.

pip, npm, esbuild and make are called as they are: AWS's own build library insists on the exact interpreter an
application names, and retired ones are the rule.

Start reading at `builder.py`; one module per tool beside it.
"""

from dayfly.build.builder import Builder, build
from dayfly.build.tools import BuildFailed

__all__ = ["BuildFailed", "Builder", "build"]
