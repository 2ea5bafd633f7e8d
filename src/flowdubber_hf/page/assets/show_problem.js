() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const problem = [...document.querySelectorAll(".problem [role=alert]")].find((one) => one.offsetParent);
  problem?.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}
