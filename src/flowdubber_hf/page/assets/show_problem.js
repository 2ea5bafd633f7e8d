() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const problem = document.querySelector(".problem [role=alert]");
  problem?.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}
