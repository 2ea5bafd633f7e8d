// The line that follows the dubbed clip, and words that play it from where they start.
const player = () => document.querySelector("#dubbed video");
element.addEventListener("click", (event) => {
  const word = event.target.closest("button[data-start]");
  if (!word || !player()) return;
  player().currentTime = Number(word.dataset.start);
  player().play().catch((reason) => {
    if (reason.name !== "AbortError") throw reason;  // paused before it began: nothing is wrong
  });
});
const follow = () => {
  const line = element.querySelector(".playhead");
  const video = player();
  if (!line || !video || !video.duration) return;
  const now = video.currentTime;
  line.hidden = now === 0;
  line.style.left = `${(100 * now) / video.duration}%`;
  const box = element.querySelector(".timeline");
  const place = line.offsetLeft - box.scrollLeft;
  if (!video.paused && (place < 0 || place > 0.9 * box.clientWidth)) box.scrollLeft = line.offsetLeft - 0.1 * box.clientWidth;
  for (const word of element.querySelectorAll("button[data-start]"))
    word.classList.toggle("spoken", Number(word.dataset.start) <= now && now < Number(word.dataset.end));
  if (!video.paused && !video.ended) requestAnimationFrame(follow);
};
for (const name of ["play", "seeked", "pause", "ended", "loadedmetadata"])
  document.addEventListener(name, (event) => event.target === player() && follow(), true);
