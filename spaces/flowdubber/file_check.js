// Says beside a file field what is wrong with a file, before anything is uploaded. The server checks again.
const problemOf = (file) => {
  if (!file) return "";
  if (!props.kinds.some((kind) => file.type.startsWith(kind))) return props.wrong;
  return file.size > props.limit ? props.too_large : "";
};
const look = (event, files) => {
  if (!event.target.closest?.("#" + props.field)) return;
  const problem = problemOf(files?.[0]);
  props.value = problem;
  if (!problem) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.target.type === "file") event.target.value = "";
};
document.addEventListener("change", (event) => event.target.type === "file" && look(event, event.target.files), true);
document.addEventListener("drop", (event) => look(event, event.dataTransfer?.files), true);
