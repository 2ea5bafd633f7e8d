() => {
  const problem = document.querySelector(".problem [role=alert]");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  (problem || document.querySelector("#results")).scrollIntoView({
    block: problem ? "center" : "nearest",
    behavior: calm ? "auto" : "smooth",
  });
}
