// Questions that the page asks.
import { page } from "./page.js";
const KEPT_AS = "lama-token";
/** Kept for this tab until it is closed. */
export const tokens = {
    get: () => sessionStorage.getItem(KEPT_AS) ?? undefined,
    async ask(refused) {
        page.tokenLine.textContent = refused ? "The server refused that token." : "The server asks for its token.";
        page.token.value = "";
        const given = (await answered(page.tokenDialog)) === "ok" ? page.token.value.trim() : "";
        if (!given)
            return undefined;
        sessionStorage.setItem(KEPT_AS, given);
        return given;
    },
};
/** Whether what is not downloaded yet may go. */
export async function mayReplace() {
    return (await answered(page.replaceDialog)) === "ok";
}
export function showHelp() {
    page.helpDialog.showModal();
    page.helpDialog.scrollTop = 0; // the button that has the focus is its last line
}
/** The value of the button that closed it; "" after Escape. */
function answered(dialog) {
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
        dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    });
}
