//! Configurations that are read, completed and refused.

use super::*;

fn load(text: &str) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path)?;
    assert!(
        config.model.starts_with(folder.path()),
        "paths count from the file"
    );
    Ok(config)
}

const SHORT: &str = "model = 'm'\nrun = 'r'\nsteps = 10\n";

#[test]
fn a_short_file_has_the_default_models_recipe() {
    let config = load(SHORT).unwrap();
    let recipe = config.recipe(StageKind::Unet);
    assert_eq!((recipe.batch, recipe.learning_rate), (8, 8e-4));
    assert_eq!(recipe.schedule.hold, 0.55);
    assert_eq!(config.recipe(StageKind::Vocoder).betas, (0.8, 0.99));
    assert!(config.cache().ends_with("r/cache"));
}

#[test]
fn what_is_stated_wins() {
    let text = format!(
        "{SHORT}batch = 2\n[optimizer]\nlearning_rate = 0.5\nbetas = [0.1, 0.2]\n[vae]\npart = 'decoder'\n"
    );
    let recipe = load(&text).unwrap().recipe(StageKind::Vae);
    assert_eq!(
        (recipe.batch, recipe.learning_rate, recipe.betas),
        (2, 0.5, (0.1, 0.2))
    );
    assert_eq!(recipe.average_decay, 0.998, "the decoder's own");
}

#[test]
fn faults_are_named() {
    for (text, word) in [
        ("model = 'm'\nrun = 'r'\n", "time_limit_s"),
        ("model = 'm'\nrun = 'r'\nsteps = 1\nbatch = 0\n", "batch"),
        ("model = 'm'\nrun = 'r'\nsteps = 1\nstepz = 1\n", "stepz"),
        (
            "model = 'm'\nrun = 'r'\nsteps = 1\n[unet]\ndrop_all = 1.5\n",
            "drop_",
        ),
        (
            "model = 'm'\nrun = 'r'\nsteps = 1\n[optimizer]\nlearning_rate = nan\n",
            "learning_rate",
        ),
        (
            "model = 'm'\nrun = 'r'\nsteps = 1\n[vae]\nframes = 12\n",
            "frames",
        ),
        ("run = 'r'\nsteps = 1\n", "model"),
    ] {
        let error = load(text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn the_recipes_of_the_default_model_are_well_formed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config = Config::load(&path).unwrap();
        assert!(
            config.steps.is_some() && config.data.composer.is_some(),
            "{path:?}"
        );
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    let stages = [
        "planner",
        "text",
        "unet",
        "vae",
        "vae-decoder",
        "vocoder",
        "vocoder-decoded",
    ];
    assert_eq!(names, stages);
}

#[test]
fn progress_is_by_steps_or_time() {
    let both = load("model = 'm'\nrun = 'r'\nsteps = 10\ntime_limit_s = 100.0\n").unwrap();
    assert_eq!(both.progress(5, 10.0), 0.5);
    assert_eq!(both.progress(5, 90.0), 0.9);
}
