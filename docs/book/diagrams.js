// Draws the diagrams of a page, which are blocks of Mermaid text.
for (const block of document.querySelectorAll("code.language-mermaid")) {
  const diagram = document.createElement("pre");
  diagram.className = "mermaid";
  diagram.textContent = block.textContent;
  block.parentElement.replaceWith(diagram);
}
mermaid.initialize({ theme: ["navy", "coal", "ayu"].some((dark) => document.documentElement.classList.contains(dark)) ? "dark" : "default" });
