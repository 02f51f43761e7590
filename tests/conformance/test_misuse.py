# SPDX-License-Identifier: Apache-2.0
"""Mistakes, each with its status and a word of its one line; nothing is harmed by one.

A line of a table is a status, a word of the message, and the arguments, as a shell
reads them. `@` stands for what is right: a small training, or a trained run.
"""

import hashlib
import os
import pathlib
import random
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from glf_tf import errors
from glf_tf.cli import program, training
from tests import calls

SMALL = (
    *("--dataset=digits", "--network=mlp", "--network.hidden=16", "--latent_dim=4"),
    *("--flow.hidden=8", "--flow.blocks=2", "--noflow.batch_norm", "--epochs=1"),
    *("--batch_size=256", "--draw_every=0", "--procedure=joint"),
)

RIGHT = {
    "train": (*SMALL, "--workdir=new"),
    "sample": ("--workdir=run", "--output=new.png", "--num_samples=2"),
    "evaluate": ("--workdir=run", "--num_samples=10", "--trials=1", "--out=new.json"),
    "export": ("--workdir=run", "--output=new"),
    "make_preset": (
        *("--workdir=run", "--output=new", "--title=Digits"),
        *("--command=glf-tf train", "--trained=here"),
    ),
    "reconstruct": ("--workdir=run", "--num_images=2", "--output=new.png"),
    "inpaint": ("--workdir=run", "--num_images=2", "--output=new.png"),
    "interpolate": ("--workdir=run", "--output=new.png"),
    "recover": ("--workdir=run", "--num_images=2", "--output=new.png"),
    "anomaly": ("--runs=run", "--against=zeros.npy", "--out=new"),
    "judge": ("--workdir=run", "--images=zeros.npy", "--out=new"),
    "plot": ("--runs=run", "--out=new.png"),
    "compare": ("--recipes=small.cfg", "--out=new"),
    "reproduce": ("--table=small.toml", "--out=new"),
    "report": ("--runs=run", "--out=new.html", "--nearest=0"),
    "tabulate": ("--documents=small.md", "--records=folder"),
    "bench": ("--out=new", "--cases=nothing"),
    "train_features": ("--dataset=digits", "--steps=1", "--out=new.keras"),
}

EVERYWHERE = r"""
2 --help            @ --nosuchflag=3
2 nosuchflag        @ --nosuchflag
2 stray             @ stray
2 5                 @ -- 5
2 "'='"             @ =
2 text.cfg          @ --flagfile=text.cfg
2 "line 2"          @ --flagfile=typo.cfg
2 nosuch            @ --flagfile=typo_of_flag.cfg
1 nowhere.cfg       @ --flagfile=nowhere.cfg
1 nowhere.cfg       @ --flagfile nowhere.cfg
1 nowhere.cfg       @ -flagfile=nowhere.cfg
1 binary.cfg        @ --flagfile=binary.cfg
1 folder            @ --flagfile=folder
2 "needs a value"   @ --flagfile
2 itself            @ --flagfile=loop.cfg
2 "one line"        @ --umlaut=a$nb
2 umlaut            @ --umlaut=ü
"""

WITH_A_RUN = """
2 --workdir         --output=new
1 run.json          @ --workdir=nowhere
1 run.json          @ --workdir=folder
1 run.json          @ --workdir=text.cfg
1 run.json          @ --workdir=~/nowhere
1 run.json          @ --workdir=ünïcode
2 home              @ --workdir=~nobody_of_this_name/x
2 long              @ --workdir=LONG
2 --workdir         @ --workdir=
2 "Did you mean best" @ --checkpoint=bast
2 mirrored          @ --strategy=tpu
2 "--preset decides" @ --preset=glf/digits
2 "Did you mean glf/digits" --preset=glf/digit --output=new
2 "trained models"  --preset=run --output=new
2 true              @ --download=maybe
2 "by themselves"   @ --nodownload=1
2 "by themselves"   @ --download true
2 --cache_dir       @ --cache_dir=
"""

SEEDS = """
2 seed              @ --seed=
2 seed              @ --seed=abc
2 seed              @ --seed=1.5
2 seed              @ --seed=nan
2 "32 bits"         @ --seed=4294967296
2 "32 bits"         @ --seed=-99999999999
2 seed              @ --seed=1,2,3
2 seed              @ --seed=1,
"""

PICTURES = """
2 NAME.png          @ --output=new.gif
2 --output          @ --output=
2 long              @ --output=LONG
2 home              @ --output=~nobody_of_this_name/x.png
1 text.cfg          @ --output=text.cfg/x.png
1 folder            @ --output=folder
1 overwrite         @ --output=zeros.npy
"""

CHAINS = """
2 "Did you mean langevin" @ --inference=langvin
2 inference.steps   @ --inference.steps=3
2 inference.steps   @ --inference=langevin --inference.steps=0
2 inference.steps   @ --inference=langevin --inference.steps=1.5
2 step_size         @ --inference=langevin --inference.step_size=nan
2 step_size         @ --inference=langevin --inference.step_size=-1
2 decay             @ --inference=langevin --inference.decay=2
2 "Did you mean prior" @ --start=priors
"""

OWN = {
    "train": """
2 --workdir         --epochs=1 --batch_size=8
2 --epochs          --workdir=new --batch_size=8
2 --batch_size      --workdir=new --epochs=1
2 "Did you mean --epochs" @ --epocs=3
2 "Did you mean glf" @ --model=glv
2 "Did you mean --flow.hidden" @ --flow.hiden=3
2 model             @ -model=
2 digits            @ --dataset=digit
2 test_count=0      @ --dataset=stacked_mnist --dataset.test_count=0
2 --dataset=occluded @ --dataset=stacked_mnist --dataset.dataset=occluded
2 mlp               @ --network=mlpp
2 real_nvp          @ --flow=realnvp
2 --epochs          @ --epochs=
2 "must be finite"  @ --epochs=nan
2 "must be finite"  @ --epochs=inf
2 whole             @ --epochs=0.5
2 "between 0"       @ --epochs=-1
2 joint             @ --epochs=flow:3,1
2 "given twice"     @ --epochs=3,4
2 NAME:NUMBER       @ --epochs=many
2 --batch_size      @ --batch_size=
2 example           @ --batch_size=0
2 batch_size        @ --batch_size=-8
2 batch_size        @ --batch_size=9999
2 batch_size        @ --batch_size=1.5
2 "64 bits"         @ --batch_size=1000000000000000000000000000000
2 seed              @ --seed=-1
2 seed              @ --seed=4294967296
2 seed              @ --seed=
2 seed              @ --flow.permutation_seed=-1
2 "Did you mean test/reconstruction" @ --best_by=test/reconstuction
2 best_by           @ --best_by=train/nll
2 evaluate_every    @ --best_by=evaluation/fd
2 best_by           @ --best_by=evaluation/precision --evaluate_every=1
2 evaluate_metric   @ --evaluate_metric=fdd
2 evaluate_samples  @ --evaluate_samples=-5
2 evaluate_samples  @ --evaluate_samples=0
2 classifier        @ --extractor=clasifier
2 save_every        @ --save_every=-1
2 log_every         @ --log_every=-3
2 profile           @ --profile=-1
2 keep_checkpoints  @ --keep_checkpoints=0
2 op_threads        @ --op_threads=-1
2 "Did you mean mirrored" @ --strategy=miror
2 multi_worker      @ --cluster=slurm
2 "Did you mean slurm" @ --cluster=slrm --strategy=multi_worker
2 strategy          @ --tpu=somewhere
2 TF_CONFIG         @ --strategy=multi_worker
2 learning_rate     @ --learning_rate=-1
2 "must be finite"  @ --learning_rate=nan
2 learning_rate     @ --learning_rate=1e9
2 flow              @ --learning_rate=flaw:1
2 NAME:NUMBER       @ --learning_rate=flow:fast
2 clip_norm         @ --clip_norm=-1
2 beta_1            @ --beta_1=1
2 weight_decay      @ --weight_decay=-0.1
2 decay_at          @ --decay_at=three:0.5
2 decay_factor      @ --decay_at=3:-0.5
2 latent_dim        @ --latent_dim=0
2 latent_dim        @ --latent_dim=-4
2 latent_dim        @ --latent_dim=4.5
2 network.hidden    @ --network.hidden=
2 hidden            @ --network.hidden=0
2 hidden            @ --network.hidden=-3,5
2 network.hidden    @ --network.hidden=3,,5
2 network.hidden    @ --network.hidden=wide
2 flow.blocks       @ --flow.blocks=two
2 blocks            @ --flow.blocks=0
2 hidden=0          @ --flow.hidden=0
2 two_sided         @ --flow.sides=both
2 beta              @ --beta=nan
2 beta              @ --beta=-1
2 "true or false"   @ --flow.batch_norm=maybe
2 "true or false"   @ --noflow.batch_norm=true
2 occluded          @ --dataset=occluded
2 label             @ --dataset=without --dataset.label=10
2 count             @ --dataset=subset --dataset.count=0
2 count             @ --dataset=subset --dataset.count=-3
2 count             @ --dataset=held_out --dataset.count=0
2 dataset.count     @ --dataset.count=3
2 share             @ --dataset=without --dataset.train_share=1.5
1 --download        @ --dataset=cifar10
1 --download        @ --dataset=mnist --data_dir=folder
1 data_dir          @ --data_dir=nowhere
1 data_dir          @ --data_dir=text.cfg
1 run.json          @ --start_from=nowhere
2 start_from        @ --start_layers=encoder
2 inception         @ --inception_graph=text.cfg
2 meet_within       @ --meet_within=0
2 start_layers      @ --start_from=run --start_layers=nolayer
2 "have epochs"     @ --sharpen=adversarial --epochs=1,sharpen:0
2 --start_from=RUN  @ --sharpen=adversarial --sharpen.alone
2 "halves images"   @ --sharpen=adversarial --sharpen.widths=4,4,4,4
2 --sharpen         --dataset=digits --workdir=new --model=gan --sharpen=adversarial
2 sharpen           @ --sharpen=softly
2 weight=-1         @ --sharpen=adversarial --sharpen.weight=-1
2 "--resume"        @ --workdir=run
2 long              @ --workdir=LONG
1 folder            @ --workdir=folder
1 text.cfg          @ --workdir=text.cfg
1 text.cfg          @ --workdir=text.cfg/new
""",
    "sample": """
2 num_samples       @ --num_samples=0
2 num_samples       @ --num_samples=-3
2 num_samples       @ --num_samples=
2 num_samples       @ --num_samples=many
2 num_samples       @ --num_samples=1e3
2 10,000            @ --num_samples=10001
2 temperature       @ --temperature=nan
2 temperature       @ --temperature=inf
2 temperature       @ --temperature=-1
2 temperature       @ --temperature=warm
2 columns           @ --columns=-3
2 columns           @ --columns=0
2 columns           @ --columns=3 --output=new.npy
2 labels            @ --labels=a
2 multiple          @ --labels=0,1,2
2 conditional       @ --labels=0,1
2 "whole numbers"   @ --labels=²
2 "whole numbers"   @ --labels=99999999999999999999
2 finite            @ --guidance=nan
2 guidance          @ --guidance=much
2 Guidance          @ --guidance=2
""",
    "evaluate": """
2 Guidance          @ --guidance=2
2 finite            @ --guidance=nan
2 guidance          --samples=folder --dataset=digits --guidance=2
2 guidance          @ --guidance=2 --latents=standard_normal
2 "Exactly one"     --dataset=digits
2 "Exactly one"     @ --samples=folder
2 --dataset         --samples=folder
2 --dataset         @ --dataset=digits
2 "Did you mean mnist" --samples=folder --dataset=mnst
2 "Did you mean fd" @ --metrics=fdd
2 --metrics         @ --metrics=
2 --metrics         @ --metrics=fd,,kid
2 num_samples       @ --num_samples=1
2 num_samples       @ --num_samples=nan
2 trials            @ --trials=0
2 glf_paper         @ --protocol=paper
2 protocol          @ --protocol=glf_paper
2 "trained models"  --preset=glf_paper --out=new.json
2 "Exactly one"     @ --preset=glf/digits
2 --preset          --preset=glf/digits --dataset=digits --out=new.json
2 train             @ --reference_split=tran
2 temperature       @ --temperature=nan
2 temperature       @ --temperature=-1
2 bound_samples     @ --bound_samples=0
2 seed              @ --seed=-1
2 seed              @ --seed=4294967296
2 plain             @ --sampling=author
2 prior             @ --latents=priors
2 --sampling        --samples=folder --dataset=digits --sampling=authors
1 nowhere           --samples=nowhere --dataset=digits
1 nowhere           --saved_model=nowhere --dataset=digits
1 text.cfg          --samples=text.cfg --dataset=digits
2 "folder of its run" --samples=folder --dataset=toy
2 "folder of its run" --saved_model=folder --dataset=toy
2 --out             @ --out=
2 inception_graph   @ --inception_graph=text.cfg
2 bound_samples     @ --bound_samples=3
2 mode_samples      @ --mode_samples=0
2 mode_samples      @ --mode_samples=3
2 calibration_out   @ --calibration_out=new.png
2 new.pdf           @ --metrics=calibration --calibration_out=new.pdf
2 --temperature     --samples=folder --dataset=digits --temperature=2
2 --checkpoint      --samples=folder --dataset=digits --checkpoint=best
2 --strategy        --saved_model=folder --dataset=digits --strategy=mirrored
2 --inference       --saved_model=folder --dataset=digits --inference=langevin
1 folder            @ --out=folder
1 text.cfg          @ --out=text.cfg
1 text.cfg          @ --out=text.cfg/x.json
""",
    "export": """
2 --output          --workdir=run
2 --output          @ --output=
1 folder            @ --output=folder
1 text.cfg          @ --output=text.cfg
1 run               @ --output=run
1 link              @ --output=link
2 long              @ --output=LONG
1 none.json         @ --measured=none.json
2 saved_model       @ --format=onnx
2 saved_model       @ --format=saved_model,torch
1 text.cfg          @ --measured=text.cfg
""",
    "make_preset": """
2 "--workdir, --output, --title, --command and --trained" --commit=1
1 run.json          @ --workdir=nowhere
2 --title           @ --title=
1 folder            @ --output=folder
1 text.cfg          @ --output=text.cfg
1 run               @ --output=run
1 link              @ --output=link
1 none.json         @ --measured=none.json
1 text.cfg          @ --measured_before=text.cfg
2 "Did you mean best" @ --checkpoint=bast
""",
    "reconstruct": """
1 "neither a file"  @ --images=pipe.png
1 "dangling link"   @ --images=dangling.png
1 text.cfg          @ --images=text.cfg
1 picture           @ --images=folder
2 num_images        @ --num_images=0
2 num_images        @ --num_images=-1
2 columns           @ --columns=-1
2 columns           @ --columns=4 --output=new.npy
""",
    "inpaint": """
2 num_images        @ --num_images=0
2 attempts          @ --attempts=0
2 "Did you mean square" @ --mask=sqare
2 mask.size         @ --mask.size=two
2 mask.size         @ --mask.size=
2 size              @ --mask.size=0
2 size              @ --mask.size=99
2 share             @ --mask=salt_and_pepper --mask.share=0
2 share             @ --mask=salt_and_pepper --mask.share=1
2 "must be finite"  @ --mask=salt_and_pepper --mask.share=nan
2 right             @ --mask=half --mask.side=rihgt
1 nowhere.png       @ --mask=picture --mask.file=nowhere.png
2 mask.file         @ --mask=picture
2 mask.share        @ --mask.share=0.5
""",
    "interpolate": """
2 num_lines         @ --num_lines=0
2 num_steps         @ --num_steps=1
2 num_steps         @ --num_steps=-3
2 latent            @ --space=latents
2 --num_lines       @ --between=1,2 --num_lines=3
2 --seed            @ --between=1,2 --seed=3
2 "2 comma-separated whole numbers" @ --between=1
2 "2 comma-separated whole numbers" @ --between=1,2,3
2 "2 comma-separated whole numbers" @ --between=a,b
2 "2 comma-separated whole numbers" @ --between=-1,3
2 "an item is empty" @ --between=1,
2 indices           @ --between=1,99999
2 "must be 2 images" @ --images=alone.png
""",
    "recover": """
2 occluded          @
2 num_images        @ --num_images=0
2 shown             @ --shown=0
2 10,000            @ --shown=9999
""",
    "anomaly": """
2 --runs            --out=new
2 --runs            @ --runs=
2 --runs            @ --runs=run,,run
1 run.json          @ --runs=nowhere
1 run.json          @ --runs=run,nowhere
1 nowhere           @ --against=nowhere
2 "both here"       @ --against=folder
2 without           --runs=run --out=new
2 "comma-separated numbers" @ --weights=1,much
2 weights           @ --weights=nan
2 weights           @ --weights=
2 "Did you mean best" @ --checkpoint=bset
2 --out             @ --out=
1 text.cfg          @ --out=text.cfg
1 folder            @ --out=folder
1 text.cfg          @ --against=text.cfg
1 --download        @ --against=mnist
2 "at most a half"  @ --false_alarms=0.6
2 "at most a half"  @ --false_alarms=0
2 "at least 9999"   @ --false_alarms=0.0001
2 false_alarms      @ --false_alarms=few
2 "Did you mean all" @ --checkpoint=al
""",
    "judge": """
2 --workdir         --images=zeros.npy --out=new
2 --images          --workdir=run --out=new
2 "--workdir or --preset and --images" --out=new
1 run.json          @ --workdir=nowhere
1 nowhere           @ --images=nowhere
1 text.cfg          @ --images=text.cfg
2 "both here"       @ --images=folder
2 "at most a half"  @ --false_alarms=0.6
2 finite            @ --false_alarms=nan
2 "at least 9999"   @ --false_alarms=0.0001
2 weight            @ --weight=-1
2 weight            @ --weight=inf
2 --score           @ --score=cross_entropy
2 seed              @ --seed=abc
2 "Did you mean best" @ --checkpoint=bast
2 --out             @ --out=
1 text.cfg          @ --out=text.cfg
1 folder            @ --out=folder
""",
    "plot": """
2 --runs            --out=new.png
2 --runs            @ --runs=
1 run.json          @ --runs=nowhere
1 run.json          @ --runs=run,folder
2 NAME.png          @ --out=new.gif
2 --out             @ --out=
1 text.cfg          @ --out=text.cfg/x.png
1 taken.png         @ --out=taken.png
2 scalars           @ --scalars=
2 epoch/nll         @ --scalars=epoch/nlll
2 beta              @ --label=betta
2 "true or false"   @ --log_y=maybe
""",
    "reproduce": """
2 --out             --table=small.toml
2 --table           --out=new
2 sharpening_digits @ --table=sharpening_digit
1 nowhere.toml      @ --table=nowhere.toml
2 "line 1"          @ --table=typo.toml
2 "must be there"   @ --table=untitled.toml
2 "must fit in the" @ --table=large_mask.toml
2 jobs              @ --jobs=0
2 jobs              @ --jobs=many
2 quick             @ --budget=quik
2 --budget          @ --budget=
2 --budget=full     @ --budget=quick --records=new2
1 text.cfg          @ --records=text.cfg
1 record            @ --records=records
2 inception         @ --inception_graph=text.cfg
2 smal              @ --rows=smal
2 "--rows needs"    @ --rows=
2 "See --help"      @ --rows=,
2 "--seeds needs"   @ --seeds=
2 "seeds of"        @ --seeds=7
2 "seeds of"        @ --seeds=x
1 text.cfg          @ --out=text.cfg
1 folder            @ --out=folder
""",
    "report": """
2 --runs            --out=new.html
1 run.json          @ --runs=nowhere
1 run.json          @ --runs=run,folder
2 "in the page once" @ --runs=run,run
2 NAME.html         @ --out=new.png
1 taken.html        @ --out=taken.html
1 "no file"         @ --measures=nowhere.json
1 "has none"        @ --measures=text.cfg
2 "--measures needs" @ --measures=
2 nearest           @ --nearest=-1
1 text.cfg          @ --out=text.cfg/x.html
""",
    "tabulate": """
2 --documents       --records=folder
1 nowhere.md        @ --documents=small.md,nowhere.md
2 sharpening_digits @ --documents=misspelt.md
1 needs             @ --documents=unmeasured.md
1 "evaluate.py"     @ --documents=unevaluated.md
2 "without the"     @ --documents=alone.md
2 --records         @ --records=
""",
    "compare": """
2 --out             --recipes=small.cfg
2 --recipes         --out=new
2 --recipes         @ --recipes=
1 nowhere.cfg       @ --recipes=nowhere.cfg
1 nowhere.cfg       @ --recipes=small.cfg,nowhere.cfg
2 "line 2"          @ --recipes=typo.cfg
2 nosuch            @ --recipes=typo_of_flag.cfg
2 trials            @ --trials=0
2 jobs              @ --jobs=0
2 num_samples       @ --num_samples=1
2 "whole numbers"   @ --seeds=0,0
2 "whole numbers"   @ --seeds=-1
2 "whole numbers"   @ --seeds=4294967296
2 seeds             @ --seeds=
2 NAME:NUMBER       @ --epochs=many
2 "must be finite"  @ --epochs=nan
2 --epochs          @ --train_flags=--epocs=3
2 --seed=3          @ --train_flags=--seed=3
2 -seed             @ "--train_flags=-seed 3"
2 quot              @ "--train_flags=--best_by='x"
1 text.cfg          @ --out=text.cfg
1 folder            @ --out=folder
2 "same data set"   @ --recipes=small.cfg,other.cfg
2 classifier        @ --extractor=clasifier
2 "each given once" @ --extractor=classifier,classifier
1 nowhere.cfg       @ --shared=nowhere.cfg
2 start_from        @ --shared=small.cfg --train_flags=--start_from=x
2 inception         @ --inception_graph=text.cfg
1 data_dir          @ --data_dir=nowhere
""",
    "train_features": """
2 --dataset         --out=new.keras
2 "Did you mean mnist" --dataset=mnst
2 .keras            @ --out=new.h5
2 rotations         @ --by=rotation
2 --by=rotations    @ --by=labels --steps=10
2 --by=rotations    @ --by=labels --widths=3,4
2 steps             @ --steps=0
2 widths            @ --widths=
2 widths            @ --widths=3,0
2 halv              @ --widths=3,3,3,3,3,3,3
2 seed              @ --seed=-1
1 data_dir          @ --data_dir=nowhere
""",
    "bench": """
2 --out             --cases=nothing
2 nothing           @
2 rounds            @ --rounds=0
2 seconds           @ --seconds=0
2 seconds           @ --seconds=nan
2 --cases           @ --cases=,
2 --peers_python    @ --peers_python=
""",
}
WITH_PICTURES = ("sample", "reconstruct", "inpaint", "interpolate", "recover")
WITH_CHAINS = ("reconstruct", "inpaint", "recover", "evaluate", "anomaly", "judge")


def rows():
    """Tool, status, word and arguments of each mistake."""
    for tool, own in OWN.items():
        text = EVERYWHERE + own
        text += SEEDS + PICTURES if tool in WITH_PICTURES else ""
        text += WITH_A_RUN if tool in (*WITH_PICTURES, "export") else ""
        text += CHAINS if tool in WITH_CHAINS else ""
        for line in filter(None, text.split("\n")):
            status, word, *words = shlex.split(line)
            arguments = []
            for one in words:
                one = one.replace("LONG", "x" * 300).replace("$n", "\n")
                arguments += RIGHT[tool] if one == "@" else [one]
            yield tool, int(status), word, tuple(arguments)


ROWS = list(rows())


TITLED = """title = "A table"
[budgets.quick]
seeds = [0]
[[rows]]
name = "small"
recipes = ["small.cfg"]
"""


LARGE_MASK = """[measure.masks.all]
name = "square"
size = 8
"""


def tables_of(name):
    return f"<!-- table: {name} -->\n<!-- end of table -->\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working folder with a run and files of somebody's, also in its home."""
    folder = tmp_path_factory.mktemp("place")
    before, home = pathlib.Path.cwd(), os.environ.get("HOME")
    os.environ["HOME"] = str(folder / "home")
    os.chdir(folder)
    try:
        _make_files()
        done = calls.call("train", *SMALL, "--workdir=run")
        assert done.status == 0, done.stderr
        yield folder
    finally:
        os.chdir(before)
        os.environ["HOME"] = home


def _make_files():
    files = {
        "text.cfg": "a thesis\n",
        "typo.cfg": "# Ours.\nepochs=3\n",
        "typo_of_flag.cfg": "# Ours.\n--nosuch=3\n",
        "loop.cfg": "--flagfile=loop.cfg\n",
        "small.cfg": "\n".join(SMALL),
        "small.toml": TITLED,
        "typo.toml": "title\n",
        "untitled.toml": TITLED.partition("\n")[2],
        "large_mask.toml": f"{TITLED}{LARGE_MASK}",
        "small.md": "# Nothing\n",
        "misspelt.md": tables_of("sharpening_digit"),
        "unmeasured.md": tables_of("sharpening_digits"),
        "unevaluated.md": "<!-- evaluation: x -->\n<!-- end of evaluation -->\n",
        "records/small/small.json": "of somebody",
        "alone.md": "<!-- end of table -->\n",
        "other.cfg": "\n".join((*SMALL, "--dataset=subset", "--dataset.count=300")),
        "folder/photograph.txt": "of somebody",
        "folder/saved_model/saved_model.pb": "of somebody",
        "folder/checkpoints/v1.0/weights": "of somebody",
        "new.partial": "of somebody",
        ".DS_Store": "of a system",
        "home/letters.txt": "of somebody",
        "taken.png": "of somebody",
        "taken.html": "of somebody",
    }
    for name, text in files.items():
        path = pathlib.Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    np.save("zeros.npy", np.zeros([4, 8, 8, 1], np.uint8))
    Image.fromarray(np.zeros([8, 8], np.uint8)).save("alone.png")
    pathlib.Path("dangling.png").symlink_to("nothing")
    os.mkfifo("pipe.png")
    pathlib.Path("binary.cfg").write_bytes(bytes(range(256)))
    pathlib.Path("link").symlink_to("folder")


def snapshot(folder):
    """What every file, folder and link holds, but caches of ours."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file() and ".cache" not in name:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_the_table_is_long_and_of_all_tools():
    tools = {path.stem for path in (calls.ROOT / "tools").glob("*.py")}
    assert {row[0] for row in ROWS} == tools
    assert len(set(ROWS)) > 400


@pytest.mark.slow
def test_every_mistake_is_reported_in_one_line_and_harms_nothing(place):
    before, wrong = snapshot(place), []
    for tool, status, word, arguments in ROWS:
        done = calls.call(tool, *arguments)
        parts = r"error: .+\. Received: .+\. .+\.\n"
        is_one_line = re.fullmatch(parts, done.stderr) is not None
        if done.status != status or not is_one_line or word not in done.stderr:
            message = done.stderr[-300:]
            wrong.append(f"{tool} {' '.join(arguments)}\n  {done.status}: {message}")
    assert not wrong, f"{len(wrong)} of {len(ROWS)}:\n" + "\n".join(wrong)
    assert snapshot(place) == before


RECIPES = sorted((calls.ROOT / "flags").glob("*/*.cfg"))
PIECES = (
    *("--", "=", "\n", "--no", ".", ",", ":", "nan", "inf", "-1", "0", "\0", "~", " "),
    *("1e999", "9" * 30, "\u2028", "#", "'", '"', "\udcff", "--" + "x" * 3000),
    *("--flagfile=", "--flow=", "--model=", "--prior=", "--dataset.", "--network."),
    *("--epochs=", "--seed=", "~nobody/"),
)


def mutated(text, draw):
    """A text with some of it removed, replaced, repeated and added."""
    for _ in range(draw.randint(1, 4)):
        place, length = draw.randrange(len(text) + 1), draw.randint(0, 20)
        added = draw.choice((*PIECES, text[place : place + 40]))
        text = text[:place] + added + text[place + length :]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_recipe_is_read_or_refused(seed, tmp_path, monkeypatch):
    """By an error of the library; any other exception fails."""
    monkeypatch.setattr("sys.argv", ["tool"])
    draw, read, refused = random.Random(seed), 0, 0
    for _ in range(100):
        recipe = draw.choice(RECIPES)
        text = recipe.read_text().replace("=../", f"={recipe.parent}/../")
        text = mutated(text, draw)
        data = text.encode("utf-8", "surrogateescape")
        (tmp_path / "mutated.cfg").write_bytes(data)
        words = [f"--flagfile={tmp_path}/mutated.cfg", "--workdir=x"]
        with calls.flags_of_its_own():
            try:
                program.parse(["tool", *words], define=training.define_training)
                training.plan()
                read += 1
            except errors.UserError:
                refused += 1
    assert read + refused == 100
    assert min(read, refused) > 5
