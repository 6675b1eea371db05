"""The command `minet`, or `python -m pipeline.commands.minet`: music for videos, and films for music."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import shtab

from pipeline.dataset.artifacts import METRICS, WIDE
from pipeline.errors import WHOLE_COPY, FileError, NothingLeft, ParamsError, shown

if TYPE_CHECKING:  # the import takes seconds
    from pipeline.commands.sonify import Sounded
    from pipeline.notes.key import Key

PICTURE_FRAMES = 2000  # largest number of spectrogram frames in the picture, which is narrower in px
MODEL, CONTENT_MODEL, SENSOR_MODEL = "mi_net_sync", "mi_net_sync_content", "imu_timed"
SEPARATOR = "separator_movement"
WANDER = 0.5


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "minet",
        description="Music from the movements of musicians.",
        epilog="example: minet sonify my_video.mp4 -o out.mp4",
    )
    shtab.add_argument_to(top, "--print-completion", help="print a completion script for the shell: bash, zsh or tcsh")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sonify = commands.add_parser(
        "sonify",
        help="generate sound for a video, or for a recording of worn sensors",
        description="Find the player in a video, generate music for the movement, and write a video with the new sound.",
        epilog="example: minet sonify my_video.mp4 -o out.mp4",
    )
    played = sonify.add_mutually_exclusive_group(required=True)
    played.add_argument("video", type=Path, nargs="?", help="a video, with or without sound").complete = shtab.FILE  # type: ignore[attr-defined]
    played.add_argument(
        "--imu", type=Path, metavar="CSV", help="in place of a video, a recording of sensors worn on the forearms"
    ).complete = shtab.FILE  # type: ignore[attr-defined]
    sonify.add_argument("--rate", type=float, help="samples a second of a recording of sensors without times")
    sonify.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="the video to write, for --imu a .wav file; .wav, .npz and .png files of a video are written to the same folder",
    )
    sonify.add_argument(
        "--model",
        help=f"the name of a model in models/, or the folder of a model "
        f"(default: {MODEL}; with --midi: {CONTENT_MODEL}; with --imu: {SENSOR_MODEL})",
    )
    sonify.add_argument(
        "--player",
        type=int,
        default=0,
        help="number of the player, from 1 at the left (default: the most prominent person)",
    )
    sonify.add_argument("--midi", type=Path, help="the score, for a model with content")
    sonify.add_argument(
        "--midi-out",
        type=Path,
        help="the MIDI file to write, to be edited in any program; the notes of a model that makes sound are heard in it",
    )
    sonify.add_argument(
        "--instrument",
        help="what plays the notes of a model that writes notes (default: what the most similar player played); "
        "with another model, what the MIDI file names (default: piano)",
    )
    sonify.add_argument(
        "--hands",
        action="store_true",
        help="look for the hands alone, as in a picture of a keyboard from above; for a model that writes notes",
    )
    sonify.add_argument(
        "--key",
        help='the key that is asked for, "C minor" or "F# major" for one; for a model that writes notes and knows keys',
    )
    sonify.add_argument(
        "--seed", type=int, default=1, help="seed of the sampling; each seed gives different music (default: 1)"
    )
    sonify.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="temperature of the sampling; lower gives less variety (default: 1.0)",
    )
    sonify.add_argument("--draw", action="store_true", help="draw the detected joints on the video")
    sonify.set_defaults(run=run_music)
    imu = commands.add_parser(
        "imu",
        help="write what sensors worn on the forearms would read",
        description="Find the player in a video, and write what a sensor on each forearm would read.",
        epilog="example: minet imu my_video.mp4 -o imu.csv",
    )
    imu.add_argument("video", type=Path, help="a video, with or without sound").complete = shtab.FILE  # type: ignore[attr-defined]
    imu.add_argument("-o", "--out", type=Path, required=True, help="the CSV file to write")
    imu.add_argument(
        "--player",
        type=int,
        default=0,
        help="number of the player, from 1 at the left (default: the most prominent person)",
    )
    imu.add_argument("--shoulders", type=float, default=0.38, help="shoulder width of the player in m (default: 0.38)")
    imu.set_defaults(run=run_imu)
    add_separate(commands)
    add_visualise(commands)
    add_study(commands)
    return top


def add_separate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    separate = commands.add_parser(
        "separate",
        help="take the sound of a video apart, a part for each player",
        description="Find the players in a video, watch them, and give each their own sound. The parts add up to the sound of the "
        "video; what nobody is seen to play is the rest. Sound is mono, at 16 kHz.",
        epilog="example: minet separate duo.mp4 -o parts",
    )
    separate.add_argument("video", type=Path, help="a video of two players or more, with sound").complete = shtab.FILE  # type: ignore[attr-defined]
    separate.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="the folder for the sound and a video of each player, the rest and a map of the volume; "
        "with --player or --mute, the video to write; with --solos, the folder for the videos",
    )
    separate.add_argument(
        "--model", default=SEPARATOR, help=f"the name of a model in models/, or its folder (default: {SEPARATOR})"
    )
    one = separate.add_mutually_exclusive_group()
    one.add_argument("--player", type=int, help="write this player's sound alone; from 1 at the left")
    one.add_argument(
        "--mute",
        type=int,
        help="write the sound without this player's, to practise with the others; from 1 at the left",
    )
    one.add_argument(
        "--solos",
        action="store_true",
        help="write nothing but a video of each player, with the others black and silent, for a corpus of soloists",
    )
    separate.set_defaults(run=run_separate)


def add_visualise(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    visualise = commands.add_parser(
        "visualise",
        help="make a film for a song",
        description="Make a film for a sound, driven by it: a dream of players, or a drawn player who plays it. It is as long as "
        "the sound.",
        epilog="example: minet visualise song.wav -o out.mp4",
    )
    visualise.add_argument("sound", type=Path, help="a sound, or a video whose sound is used").complete = shtab.FILE  # type: ignore[attr-defined]
    visualise.add_argument("-o", "--out", type=Path, required=True, help="the video to write: .mp4, .mov or .mkv")
    visualise.add_argument(
        "--style",
        choices=["dream", "player"],
        default="dream",
        help="dream: a walk among the pictures that the corpus has for such sound (default); player: a drawn player who plays it",
    )
    visualise.add_argument(
        "--instrument", help="what the player plays (default: what the sound is most like); for --style player"
    )
    visualise.add_argument(
        "--wander",
        type=float,
        help=f"size of the walk: 0 for what the sound tells alone, 1 for all that it leaves open (default: {WANDER}); for a dream",
    )
    visualise.add_argument("--size", type=int, default=512, help="height and width of the picture, px (default: 512)")
    visualise.add_argument(
        "--seed",
        type=int,
        default=1,
        help="seed of the walk or the player; each gives another film (default: 1)",
    )
    visualise.set_defaults(run=run_visualise)


def add_study(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    study = commands.add_parser(
        "study",
        help="make or score a listening study",
        description="Can people tell generated from recorded sound, and whose music is the best? Make the page of a listening "
        "study, or score its answers.",
        epilog="example: minet study build -o study.html",
    )
    steps = study.add_subparsers(dest="step", required=True, metavar="STEP")
    build = steps.add_parser(
        "build",
        help="make the page",
        description="Make the page of a study from the samples of a run, and the key that is needed to score it.",
        epilog="example: minet study build -o study.html",
    )
    build.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="the page to write; the .key.json file is written to the same folder",
    )
    build.add_argument(
        "--questions",
        choices=["real", "foley"],
        default="real",
        help="real: a model's sound against the recording (default); foley: Foley Music's four questions, of several models",
    )
    build.add_argument("--model", help=f"for real, the name of a model in samples/ (default: {MODEL})")
    build.add_argument(
        "--models",
        nargs="+",
        help="for foley, the names of models in samples/ that are compared; one of them may be: recorded",
    )
    build.add_argument("--pairs", type=int, default=3, help="pairs per instrument; with foley, sets (default: 3)")
    build.set_defaults(run=run_study_build)
    score = steps.add_parser(
        "score",
        help="score the answers",
        description="Check the answers, leave out those that do not count, and report how often the generated sound was chosen.",
        epilog="example: minet study score answers/*.json --key study.key.json",
    )
    score.add_argument("answers", type=Path, nargs="+", help="the files that the page saved").complete = shtab.FILE  # type: ignore[attr-defined]
    score.add_argument("--key", type=Path, required=True, help="the .key.json file of the study").complete = shtab.FILE  # type: ignore[attr-defined]
    score.add_argument(
        "-o",
        "--out",
        type=Path,
        default=METRICS,
        help="the folder for study.json and study.csv (default: metrics)",
    )
    score.set_defaults(run=run_study_score)


def main() -> None:
    arguments = parser().parse_args()
    reporting(partial(arguments.run, arguments))


def reporting(work: Callable[[], object]) -> None:
    """Do some work. An error that the user can fix becomes one line on stderr and exit code 1, without a traceback."""
    try:
        work()
    except (ParamsError, NothingLeft) as error:
        sys.exit(f"error: {error}")
    except FileError as error:
        # The usual advice is for a file of a corpus, which may be deleted.
        sys.exit(f"error: {error}" if error.advice == WHOLE_COPY else f"error: {error}; {error.advice}")
    except KeyboardInterrupt:
        sys.exit("stopped")


def run_imu(arguments: argparse.Namespace) -> None:
    """Write the readings of virtual sensors as a CSV file."""
    check_files(arguments.video, arguments.out)
    if not arguments.shoulders > 0:
        raise ParamsError(f"--shoulders {arguments.shoulders:g}: must be more than 0")
    from pipeline import params
    from pipeline.commands import imu, sonify  # takes seconds

    settings = params.load(sonify.home(MODEL) / "params.yaml")
    rows = imu.write(arguments.video, arguments.out, settings, player=arguments.player, shoulders_m=arguments.shoulders)
    print(f"{shown(arguments.out)}: {rows} readings, {settings.motion.fps:g} a second")


def check_files(played: Path, out: Path) -> None:
    """Refuse a file that is not there, and one that cannot be written."""
    if not played.is_file():
        raise FileError(played, "no such file")
    if out.exists() and out.samefile(played):
        raise ParamsError(f"-o {shown(out)}: this is the input itself; write to another file")
    if not out.parent.is_dir():
        raise ParamsError(f"-o {shown(out)}: there is no folder {shown(out.parent)}; make it first")


def check_sonify(arguments: argparse.Namespace, played: Path) -> None:
    """Refuse arguments that no input makes usable."""
    check_files(played, arguments.out)
    if not arguments.temperature > 0:
        raise ParamsError(f"--temperature {arguments.temperature:g}: must be more than 0")
    if (score := arguments.midi_out) is not None and not score.parent.is_dir():
        raise ParamsError(f"--midi-out {shown(score)}: there is no folder {shown(score.parent)}; make it first")


def run_sensors(arguments: argparse.Namespace) -> None:
    """Write the sound for a recording of sensors."""
    out, model = arguments.out, arguments.model or SENSOR_MODEL
    check_sonify(arguments, arguments.imu)
    if out.suffix != ".wav":
        raise ParamsError(f"-o {shown(out)}: sensors have no picture; write to a .wav file")
    of_video = {
        "--midi": arguments.midi,
        "--player": arguments.player,
        "--draw": arguments.draw,
        "--key": arguments.key,
        "--hands": arguments.hands,
    }
    for option in (option for option, value in of_video.items() if value):
        raise ParamsError(f"{option}: only for a video")
    if arguments.rate is not None and not arguments.rate > 0:
        raise ParamsError(f"--rate {arguments.rate:g}: must be more than 0")
    from pipeline import params
    from pipeline.commands import sonify, sonify_sensors  # takes seconds
    from pipeline.media import sound_files

    root = sonify.home(model)
    settings = params.load(root / "params.yaml")
    sound = sonify_sensors.sonify(
        arguments.imu,
        model,
        settings,
        root,
        seed=arguments.seed,
        temperature=arguments.temperature,
        rate_hz=arguments.rate,
        midi_out=arguments.midi_out,
        instrument=arguments.instrument,
    )
    sound_files.write_audio(out, sound, settings.audio.sample_rate_hz)
    print(f"{shown(out)}: {len(sound) / settings.audio.sample_rate_hz:.1f} s of sound")
    if arguments.midi_out:
        print(f"{shown(arguments.midi_out)}: the notes, for any program that reads MIDI")


def run_music(arguments: argparse.Namespace) -> None:
    """`minet sonify`, for a video or for sensors."""
    (run_sensors if arguments.imu else run_sonify)(arguments)


def run_sonify(arguments: argparse.Namespace) -> "Sounded":
    """Write the video with its new sound; and the sound, the joints and a picture of both as files in the same folder."""
    out, video = arguments.out, arguments.video
    score = arguments.midi_out
    check_sonify(arguments, video)
    if arguments.rate is not None:
        raise ParamsError("--rate: only for a recording of sensors, --imu")
    asked = None if arguments.key is None else _key(arguments.key)
    # These imports take seconds and most of the memory, so the arguments are checked first.
    import numpy as np

    from pipeline import params
    from pipeline.commands import sonify as library
    from pipeline.commands import sonify_notes
    from pipeline.keypoints.drawing import draw_at
    from pipeline.media import muxing, picture_files, probing, sound_files
    from pipeline.report import pictures

    # What cannot be read or written is refused before the slow steps.
    if (break_s := probing.clock_break_s(video)) is not None:
        raise FileError(video, *probing.broken_clock(break_s))
    way = muxing.plan(out, video, drawn=arguments.draw)
    model = arguments.model or (CONTENT_MODEL if arguments.midi else MODEL)
    root = library.home(model)
    settings = params.load(root / "params.yaml")
    if root.parts[-2:] == WIDE.parts:
        print(f"There was no run here, so the published models play: {shown(root)}")
    make, named = partial(library.sonify, midi=arguments.midi), None
    if sonify_notes.writes_notes(model, root):
        if arguments.midi:
            raise ParamsError("--midi: this model writes notes and does not read them; leave --midi out")
        make = partial(
            sonify_notes.sonify, midi_out=score, instrument=arguments.instrument, key=asked, hands=arguments.hands
        )
    elif asked or arguments.hands:
        what = "--key" if asked else "--hands"
        raise ParamsError(f"{what}: only for a model that writes notes; choose one with --model foley_timed")
    else:
        named = sonify_notes.named_by_midi(model, score, arguments.instrument, "foley_timed")
    made = make(
        video,
        model,
        settings,
        root,
        seed=arguments.seed,
        temperature=arguments.temperature,
        player=arguments.player,
    )
    rate_hz, found = settings.audio.sample_rate_hz, made.found
    # The video comes last: whatever happens to it, the rest is there.
    sound_files.write_audio(out.with_suffix(".wav"), made.sound, rate_hz)
    np.savez(out.with_suffix(".npz"), keypoints=found.keypoints, times=found.times)
    middle = len(found.times) // 2
    _, picture = next(picture_files.frames(video, float(found.times[middle])))
    pictures.seen_and_heard(
        out.with_suffix(".png"),
        picture=picture,
        joints=found.keypoints[middle],
        spectrograms={f"generated by {model}": made.shortened(PICTURE_FRAMES)},
        rate_hz=rate_hz,
        duration_s=len(made.sound) / rate_hz,
        title=f"{video.name}, {found.times[middle]:.1f} s",
    )
    if named is not None:
        sonify_notes.write_heard(score, made.sound, settings, named)
    try:
        muxing.write_video(out, video, made.sound, rate_hz, partial(draw_at, found) if arguments.draw else None, way)
    except FileError as error:
        kept = f"{error.advice}; the sound, the joints and a picture of both are in {shown(out.with_suffix('.*'))}"
        raise FileError(error.file, error.what, kept) from None
    print(f"{shown(out)}; and in the same folder the sound (.wav), the joints (.npz) and a picture of both (.png)")
    if score:
        print(f"{shown(score)}: the notes, for any program that reads MIDI")
    return made


def run_separate(arguments: argparse.Namespace) -> None:
    """Write a folder with all parts; or one video with the sound of one player, or without it."""
    out, video = arguments.out, arguments.video
    chosen = arguments.player if arguments.mute is None else arguments.mute
    option = "--player" if arguments.mute is None else "--mute"
    check_files(video, out)
    if chosen is None and out.exists() and not out.is_dir():
        raise ParamsError(f"-o {shown(out)}: this is a file; name a folder, or choose a part with --player or --mute")
    if chosen is not None and out.is_dir():
        raise ParamsError(f"-o {shown(out)}: this is a folder; with {option}, name the video to write")
    if chosen is not None and chosen < 1:
        raise ParamsError(f"{option} {chosen}: players are counted from 1 at the left")
    # These imports take seconds and most of the memory, so the arguments are checked first.
    from pipeline import params
    from pipeline.commands import separate as library
    from pipeline.commands import sonify
    from pipeline.media import muxing, probing

    # What cannot be read or written is refused before the slow steps.
    if (break_s := probing.clock_break_s(video)) is not None:
        raise FileError(video, *probing.broken_clock(break_s))
    root = sonify.home(arguments.model)
    settings, model = params.load(root / "params.yaml"), library.load(arguments.model, root)
    if chosen is not None:
        muxing.plan(out, video, drawn=False)
    made = library.separate(video, model, settings)
    players, rate_hz = len(made.players), settings.audio.sample_rate_hz
    if chosen is not None and chosen > players:
        raise NothingLeft(f"{shown(video)}: {players} people seen in it, so there is no player {chosen} from the left")
    if chosen is not None:
        part = made.parts[chosen - 1]
        sound = part if arguments.mute is None else made.parts.sum(0) - part
        library.write_sound(out.with_suffix(".wav"), sound, rate_hz)
        library.write_videos(video, {out: sound}, rate_hz)
        print(f"{shown(out)}; and in the same folder the sound (.wav)")
        return
    out.mkdir(exist_ok=True)
    if arguments.solos:
        library.write_solos(out, made, video, rate_hz)
        print(f"{shown(out)}: a video of each player alone, {video.stem}_1.mp4 at the left")
        return
    # The videos come last: whatever happens to them, the sounds are there.
    for name, part in zip([*map(str, range(1, players + 1)), "rest"], made.parts, strict=True):
        library.write_sound(out / f"{name}.wav", part, rate_hz)
    library.write_videos(video, {out / f"{n + 1}.mp4": made.parts[n] for n in range(players)}, rate_hz)
    library.write_map(out / "map.mp4", made, video, settings)
    print(
        f"{shown(out)}: a sound and a video of each player, from 1 at the left; rest.wav, what nobody is seen to play; map.mp4"
    )


def run_visualise(arguments: argparse.Namespace) -> None:
    """Write the film."""
    out, heard, wander = arguments.out, arguments.sound, arguments.wander
    check_files(heard, out)
    if out.is_dir():
        raise ParamsError(f"-o {shown(out)}: this is a folder; name the video to write")
    if arguments.style == "player" and wander is not None:
        raise ParamsError("--wander: only for --style dream; a player does not walk")
    if arguments.style == "dream" and arguments.instrument is not None:
        raise ParamsError("--instrument: only for --style player; a dream shows what it hears")
    if wander is not None and not wander >= 0:
        raise ParamsError(f"--wander {wander:g}: must be 0 or more")
    if arguments.seed < 0:
        raise ParamsError(f"--seed {arguments.seed}: must be 0 or more")
    # These imports take seconds and most of the memory, so the arguments are checked first.
    from pipeline import params
    from pipeline.commands import sonify
    from pipeline.commands import visualise as library

    # What cannot be read or written is refused before the slow steps.
    library.check(heard, out, arguments.size)
    model = library.MODEL[arguments.style]
    root = sonify.home(model)
    settings = params.load(root / "params.yaml")
    make = partial(library.dream, wander=WANDER if wander is None else wander)
    if arguments.style == "player":
        make = partial(library.player, instrument=arguments.instrument)
    print(make(heard, out, settings, root, size_px=arguments.size, seed=arguments.seed))


def _key(text: str) -> "Key":
    from pipeline.notes import key  # takes a second

    try:
        return key.parse(text)
    except ValueError as error:
        raise ParamsError(f"--key {text!r}: {error}") from None


def run_study_build(arguments: argparse.Namespace) -> None:
    out = arguments.out
    if not out.parent.is_dir():
        raise ParamsError(f"-o {shown(out)}: there is no folder {shown(out.parent)}; make it first")
    if out.is_dir():
        raise ParamsError(f"-o {shown(out)}: this is a folder; name a file in it")
    if arguments.pairs < 1:
        raise ParamsError(f"--pairs {arguments.pairs}: must be 1 or more")
    foley, models = arguments.questions == "foley", arguments.models or []
    if models and not foley:
        raise ParamsError(
            "--models: only with --questions foley; name the one model that is compared with the recording: --model"
        )
    if foley and arguments.model:
        raise ParamsError("--model: with --questions foley, name the models that are compared: --models")
    if foley and not 2 <= len(set(models)) == len(models) <= 6:
        raise ParamsError(
            "--models: two to six models are compared, none with itself; for one: --models foley_timed mi_net_sync mi_net"
        )
    if foley and set(models) - {"recorded"} == set():
        raise ParamsError("--models: name a model besides recorded")
    from pipeline import params
    from pipeline.study import build  # takes seconds

    systems = models if foley else [build.RECORDED, arguments.model or MODEL]
    pairs, checks = build.build(out, systems, arguments.questions, params.load(), arguments.pairs)
    key, size_mb = shown(out.with_suffix(".key.json")), out.stat().st_size / 1e6
    what = f"sets of {len(systems)} clips" if foley else "pairs"
    print(
        f"{shown(out)}: {pairs} {what} and {checks} attention checks, {size_mb:.1f} MB; do not give away its key, {key}"
    )


def run_study_score(arguments: argparse.Namespace) -> None:
    from pipeline.study import score  # takes a second

    print(score.score(arguments.answers, arguments.key, arguments.out), end="")


if __name__ == "__main__":
    main()
