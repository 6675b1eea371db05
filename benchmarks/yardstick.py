"""How fast is this machine? `python -m benchmarks.yardstick` prints M, the yardstick of all times in docs/findings.md.

M is the time of MediaPipe's own Holistic over all pictures of the corpus, a track after the other on each core: work that this
project cannot change, on the same pictures, at the same hour. Machines differ by a factor of two from hour to hour.
`python -m benchmarks.yardstick 4` looks at every fourth track only, and multiplies.
"""

import sys
import time

import cv2
import joblib
from mediapipe.python.solutions.holistic import Holistic
from tqdm import tqdm

from pipeline.corpus.track import Track, read_tracks
from pipeline.keypoints.mediapipe_holistic import quiet
from pipeline.media import picture_files


def detect(track: Track) -> int:
    """Run Holistic on the strip of the player in each picture of a track; the number of pictures."""
    cv2.setNumThreads(1)
    pictures = 0
    with quiet(), Holistic() as holistic:
        for _, picture in picture_files.frames(track.video, track.start_s, track.end_s):
            width_px = picture.shape[1]
            strip = picture[:, round(track.left * width_px) : round(track.right * width_px)]
            holistic.process(cv2.cvtColor(strip, cv2.COLOR_BGR2RGB))
            pictures += 1
    return pictures


def main() -> None:
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    all_tracks, cores = read_tracks(), joblib.effective_n_jobs(-1)
    tracks = all_tracks[::every]
    run = joblib.Parallel(n_jobs=-1, batch_size=1, return_as="generator")
    start = time.perf_counter()
    found = run(joblib.delayed(detect)(track) for track in tracks)
    pictures = sum(tqdm(found, "holistic", total=len(tracks), unit=" track"))
    seconds = time.perf_counter() - start
    whole_s = seconds * len(all_tracks) / len(tracks)
    print(
        f"M = {whole_s:.0f} s, from {pictures} pictures, {1000 * seconds * cores / pictures:.1f} ms each, {cores} cores"
    )


if __name__ == "__main__":
    main()
