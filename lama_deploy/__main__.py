"""`python -m lama_deploy COMMAND`, which is lama-deploy."""

import sys

from lama_deploy.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
