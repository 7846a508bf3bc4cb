//! Words of musical English, in lists parted by semicolons.

/// How music feels.
pub(super) const MOODS: &str = "\
    happy; sad; melancholic; melancholy; wistful; nostalgic; dreamy; hazy; warm; cold; dark; \
    bright; gloomy; moody; tense; suspenseful; eerie; spooky; haunting; mysterious; epic; heroic; \
    triumphant; majestic; grand; cinematic; dramatic; romantic; tender; intimate; gentle; soft; \
    calm; peaceful; serene; relaxed; relaxing; chill; chilled; laid-back; mellow; lazy; sleepy; \
    hypnotic; trippy; psychedelic; ethereal; floating; spacious; airy; atmospheric; ambient; \
    meditative; spiritual; uplifting; inspiring; hopeful; optimistic; joyful; cheerful; playful; \
    quirky; funny; silly; whimsical; bouncy; groovy; funky; sexy; sensual; smooth; sultry; cool; \
    slick; stylish; urban; gritty; dirty; raw; rough; aggressive; angry; fierce; heavy; brutal; \
    powerful; energetic; driving; pumping; frantic; chaotic; wild; restless; nervous; anxious; \
    urgent; bittersweet; lonely; longing; yearning; sorrowful; mournful; tragic; emotional; \
    passionate; heartfelt; soulful; bluesy; jazzy; folky; rustic; earthy; tropical; sunny; \
    summery; wintry; rainy; snowy; nocturnal; late-night; festive; celebratory; childlike; \
    innocent; naive; elegant; refined; sophisticated; vintage; retro; old-school; modern; \
    futuristic; robotic; mechanical; minimal; sparse; dense; lush; rich; thick; thin; delicate; \
    fragile; simple; complex; catchy; anthemic; danceable; swinging; shuffling; steady; \
    syncopated; straight; loose; tight; busy; slow-burning; unhurried; weightless; murky; \
    shimmering; glowing";

/// What it is heard at, or reminds of.
pub(super) const SCENES: &str = "\
    a rainy sunday; a sunny beach; a smoky club; a late night drive; a coffee shop; \
    a quiet library; a forest walk; a mountain sunrise; a desert road; a city at night; \
    a cocktail party; a wedding dance; a school playground; a video game menu; a boss fight; \
    a chase scene; a love scene; a documentary; a cooking show; an advert; a podcast intro; \
    a meditation session; a yoga class; a workout; a road trip; a campfire; a church; \
    a cathedral; a circus; a carnival; a western film; a spy film; a horror film; a space voyage; \
    an underwater world; a fairy tale; a lullaby for a baby; a birthday; christmas eve; \
    a winter evening; a spring morning; a summer afternoon; autumn leaves; an old film; \
    a silent movie; a jazz bar in paris; a brazilian beach; a jamaican street; an irish pub; \
    a medieval court; a parade; a football stadium; a warehouse rave; a sunrise set; \
    a festival main stage; a bedroom studio; studying; sleeping; dancing; driving; dreaming; \
    running; walking in the rain; saying goodbye; falling in love; first snow; empty streets; \
    neon lights; a train journey; a farewell; a victory; a storm; a slow dance";

/// What plays.
pub(super) const INSTRUMENTS: &str = "\
    piano; grand piano; upright piano; electric piano; rhodes; wurlitzer; harpsichord; clavinet; \
    organ; hammond organ; church organ; pipe organ; accordion; harmonica; acoustic guitar; \
    nylon guitar; classical guitar; steel-string guitar; electric guitar; clean electric guitar; \
    distorted guitar; overdriven guitar; muted guitar; wah guitar; slide guitar; pedal steel; \
    twelve-string guitar; bass guitar; slap bass; fretless bass; upright bass; double bass; \
    synth bass; sub bass; 808 bass; acid bass; strings; string section; violin; viola; cello; \
    contrabass; fiddle; pizzicato strings; harp; choir; voices; vocal pad; trumpet; \
    muted trumpet; trombone; tuba; french horn; brass section; horns; saxophone; alto sax; \
    tenor sax; soprano sax; baritone sax; clarinet; oboe; english horn; bassoon; flute; piccolo; \
    recorder; pan flute; whistle; ocarina; shakuhachi; didgeridoo; bagpipes; sitar; banjo; \
    mandolin; ukulele; koto; shamisen; oud; bouzouki; kalimba; marimba; vibraphone; xylophone; \
    glockenspiel; music box; celesta; tubular bells; bells; steel drums; timpani; drums; \
    drum kit; acoustic drums; brushed drums; drum machine; 808 drums; 909 drums; \
    electronic drums; percussion; congas; bongos; shaker; tambourine; cowbell; claps; hand claps; \
    snaps; woodblock; cymbals; hi-hats; kick drum; snare; rimshots; toms; synth; synthesizer; \
    analog synth; synth lead; saw lead; square lead; synth pad; warm pad; pluck synth; \
    arpeggiator; arpeggio; bleeps; vocoder; theremin; orchestra; big band; string quartet; \
    brass band; rock band; jazz trio; piano trio; electric organ; melodica; dulcimer; santur; \
    taiko; tabla; cajon; djembe; strings pad; orchestral hits; mallets; keys; horn stabs; \
    guitar riff; bass line; walking bass";

/// What it is called.
pub(super) const GENRES: &str = "\
    pop; rock; funk; disco; house; deep house; techno; trance; hip-hop; hip hop; trap; boom bap; \
    lo-fi; lofi hip hop; jazz; jazz swing; swing; bebop; smooth jazz; bossa nova; samba; latin; \
    salsa; cha-cha; mambo; rumba; tango; reggaeton; cumbia; blues; rhythm and blues; soul; \
    gospel; country; bluegrass; folk; irish folk; celtic; reggae; dub; ska; rocksteady; \
    dancehall; waltz; ballad; power ballad; ambient; drone; new age; orchestral; classical; \
    baroque; romantic piano; minuet; march; film score; soundtrack; metal; heavy metal; \
    hard rock; punk; pop punk; indie rock; indie folk; shoegaze; post-rock; synthwave; synthpop; \
    electropop; new wave; edm; dubstep; drum and bass; jungle; breakbeat; garage; uk garage; \
    downtempo; trip hop; chillout; chillwave; vaporwave; chiptune; 8-bit; video game music; \
    lounge; easy listening; exotica; surf rock; rockabilly; boogie-woogie; ragtime; dixieland; \
    afrobeat; highlife; flamenco; bolero; polka; klezmer; gypsy jazz; musical theatre; lullaby; \
    children's music; world music; psytrance; hardstyle; eurodance; italo disco; nu disco; phonk; \
    grime; drill; neo-soul; acid jazz; fusion; prog rock; krautrock; grunge; britpop; emo; \
    math rock; singer-songwriter";

/// How fast it is.
pub(super) const TEMPI: &str = "\
    slow; very slow; fast; very fast; mid-tempo; medium tempo; up-tempo; uptempo; not too fast; \
    brisk; at a walking pace; half-time; double-time; relaxed tempo; driving tempo; largo; \
    adagio; andante; moderato; allegro; vivace; presto; lively; leisurely";
