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
// Gradio goes by the type alone, so that a file that it does not know, or a video as the voice, is given the type of the field.
const isOfField = (file) => file.type.startsWith(props.kinds[0]);
const retyped = (file) => new File([file], file.name, { type: props.kinds[0] + "x-" + file.name.split(".").pop().toLowerCase() });
const pick = (input, file) => {
  const picked = new DataTransfer();
  picked.items.add(isOfField(file) ? file : retyped(file));
  input.files = picked.files;
};
document.addEventListener(
  "change",
  (event) => {
    const input = event.target;
    if (input.type !== "file" || !inField(event) || !look(event, input.files)) return;
    if (input.files.length && !isOfField(input.files[0])) pick(input, input.files[0]);
  },
  true,
);
document.addEventListener(
  "drop",
  (event) => {
    const field = inField(event);
    if (!field || !look(event, event.dataTransfer?.files)) return;
    const input = field.querySelector("input[type=file]");
    const file = event.dataTransfer?.files[0];
    if (!input || !file || isOfField(file)) return;
    stop(event); // what was dropped cannot be changed, so it is picked instead
    pick(input, file);
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
