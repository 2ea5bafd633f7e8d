() => {
  const problem = [...document.querySelectorAll(".problem [role=alert]")].find((one) => one.offsetParent);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  (problem || [...document.querySelectorAll("#results, #film-results")].find((one) => one.offsetParent)).scrollIntoView({
    block: problem ? "center" : "nearest",
    behavior: calm ? "auto" : "smooth",
  });
}
