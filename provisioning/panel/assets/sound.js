// Short soft tones for who looks at the wound and not at the screen. They are made here; no file is played.

const PITCHES = {
  taken: [660],
  asks: [660, 660],
  accepted: [660, 880],
  failed: [330, 220],
};
const LASTS = 0.11;
const PAUSE = 0.05;
const LOUD = 0.12;
const NEVER_SILENT = 0.0001;  // a level that falls by shares never reaches nothing

export function sound(name) {
  if (document.documentElement.dataset.sound !== "on" || !("AudioContext" in window)) return;
  const audio = new AudioContext();
  let start = audio.currentTime + PAUSE;
  let last;
  for (const pitch of PITCHES[name]) {
    const tone = audio.createOscillator();
    const level = audio.createGain();
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(LOUD, start);
    level.gain.exponentialRampToValueAtTime(NEVER_SILENT, start + LASTS);
    tone.connect(level).connect(audio.destination);
    tone.start(start);
    tone.stop(start + LASTS);
    start += LASTS + PAUSE;
    last = tone;
  }
  last.addEventListener("ended", () => audio.close());
}
