() => {
  // Names for who does not see the page: gradio gives its players none.
  const names = { clip: "Clip of the speaker", dubbed: "Dubbed clip", original: "Original clip", film: "Film", "film-dubbed": "Dubbed film" };
  const name = () => {
    for (const [id, label] of Object.entries(names))
      for (const video of document.querySelectorAll(`#${id} video:not([aria-label])`)) video.setAttribute("aria-label", label);
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
}
