// Says beside a file field what is wrong with a file, before anything is uploaded. The server checks again.
// Browsers know no type for many containers (mkv, avi, mts): their names decide.
const isKnown = (file) =>
  props.kinds.some((kind) => file.type.startsWith(kind)) || props.endings.includes(file.name.split(".").pop().toLowerCase());
const problemOf = (file) => {
  if (!file) return "";
  if (!isKnown(file)) return props.wrong;
  return file.size > props.limit ? props.too_large : "";
};
const inField = (event) => event.target.closest?.("#" + props.field);
const stop = (event) => {
  event.preventDefault();
  event.stopImmediatePropagation();
};
const look = (event, files) => {
  const problem = problemOf(files?.[0]);
  props.value = problem;
  if (!problem) return true;
  stop(event);
  if (event.target.type === "file") event.target.value = "";
  return false;
};
document.addEventListener("change", (event) => event.target.type === "file" && inField(event) && look(event, event.target.files), true);
document.addEventListener(
  "drop",
  (event) => {
    const field = inField(event);
    if (!field || !look(event, event.dataTransfer?.files)) return;
    // Dropped files are refused by their type; those that are picked are not
    const input = field.querySelector("input[type=file]");
    const [file] = event.dataTransfer.files;
    if (!input || !file || props.kinds[0] === file.type.split("/")[0] + "/") return;
    stop(event);
    const picked = new DataTransfer();
    picked.items.add(file);
    input.files = picked.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  },
  true,
);
// What the dialogue for files offers
document.addEventListener(
  "click",
  (event) => {
    if (event.target.type !== "file" || !inField(event)) return;
    const kinds = props.kinds.map((kind) => kind + "*");
    event.target.accept = [...kinds, ...props.endings.map((ending) => "." + ending)].join(",");
  },
  true,
);
