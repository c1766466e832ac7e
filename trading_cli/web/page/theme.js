// Dark or light before the first paint: what was chosen here, else what the system says.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("trading-theme");
  } catch {
    chosen = null; // storage is forbidden here: the system's wish it is
  }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}
