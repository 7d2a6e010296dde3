import fastrcf
from pathlib import Path
def load(folder):
    folder=Path(folder); files=list(folder.glob("*.rcf"))
    if len(files)!=1: raise fastrcf.FastRCFError(f"{folder}: expected one *.rcf, found {len(files)}")
    return fastrcf.load(files[0])
