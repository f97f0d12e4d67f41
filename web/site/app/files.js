// Where photos come from: chosen, dropped, pasted, or the example.
import { page } from "./page.js";
import { say } from "./status.js";
export function takeFiles(open) {
    const choose = () => page.file.click();
    page.open.addEventListener("click", choose);
    page.choose.addEventListener("click", choose);
    page.file.addEventListener("change", () => {
        const file = page.file.files?.[0];
        page.file.value = ""; // the same one may be chosen again
        if (file)
            open(file);
    });
    page.example.addEventListener("click", () => void example().then((file) => file && open(file)));
    addEventListener("paste", ({ clipboardData }) => {
        const file = clipboardData?.files[0];
        if (file)
            open(file);
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
        event.preventDefault();
        const files = event.dataTransfer?.files;
        if (files?.[0])
            open(files[0]);
        else
            say("That was no file: drop a photo from a folder.", "problem");
    });
}
async function example() {
    const answer = await fetch("example.jpg").catch(() => undefined);
    if (answer?.ok)
        return new File([await answer.blob()], "example.jpg", { type: "image/jpeg" });
    say("The example cannot be loaded: the server does not answer.", "problem");
    return undefined;
}
