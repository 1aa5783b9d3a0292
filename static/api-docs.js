/* Shows the OpenAPI document in the theme of the page. */
window.addEventListener("load", () => {
  const root = document.documentElement;
  const place = document.getElementById("api-docs");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const theme = root.dataset.theme;
    root.classList.toggle("dark-mode", theme === "dark" || (theme === "system" && system.matches));
  };
  follow();
  system.addEventListener("change", follow);
  SwaggerUIBundle({ url: place.dataset.url, domNode: place, deepLinking: true, validatorUrl: null });
});
