"""Drugs, written forms and the conventions of the gold answers.

Everything here is data. SAME is the table of conventions: a frequency, route,
instruction or unit that a note writes in any of the listed forms is annotated
with the words in front of them. Names are annotated as the note writes them.
"""

# Annotated words -> forms that a note may write for them.
FREQUENCIES = {
    "once daily": ["QD", "daily", "qday", "once a day", "every day", "once daily"],
    "twice daily": ["BID", "bid", "b.i.d.", "twice a day", "twice daily", "two times a day"],
    "three times daily": ["TID", "tid", "t.i.d.", "three times a day", "3 times a day"],
    "four times daily": ["QID", "qid", "four times a day", "4 times a day"],
    "every 4 hours": ["q4h", "every 4 hours", "every 4 hrs"],
    "every 6 hours": ["q6h", "every 6 hours", "every 6 hrs"],
    "every 8 hours": ["q8h", "every 8 hours", "every 8 hrs"],
    "every 12 hours": ["q12h", "every 12 hours", "every 12 hrs"],
    "every morning": ["qAM", "in the morning", "each morning", "every morning"],
    "every evening": ["qPM", "in the evening", "each evening", "every evening"],
    "at bedtime": ["QHS", "qhs", "at bedtime", "nightly", "at night"],
    "every other day": ["QOD", "every other day", "on alternate days"],
    "once weekly": ["weekly", "q week", "once a week", "every week"],
}

ROUTES = {
    "oral": ["PO", "po", "p.o.", "by mouth", "orally"],
    "intravenous": ["IV", "iv", "intravenously"],
    "intramuscular": ["IM", "im", "intramuscularly"],
    "subcutaneous": ["subq", "SC", "SQ", "subcut", "under the skin"],
    "sublingual": ["SL", "under the tongue"],
    "inhaled": ["INH", "inh", "by inhaler"],
    "topical": ["TOP", "to the skin", "topically"],
    "ophthalmic": ["in the eye", "ophth", "eye drops"],
    "rectal": ["PR", "rectally"],
    "transdermal": ["TD", "as a patch"],
}

# Whole instructions. "as needed" may go on with a reason: "PRN for pain".
INSTRUCTIONS = {
    "with food": ["with food", "with meals", "c food"],
    "before meals": ["AC", "before meals", "before eating"],
    "after meals": ["PC", "after meals", "after eating"],
    "on an empty stomach": ["on an empty stomach", "on empty stomach"],
    "as needed": ["PRN", "prn", "as needed", "if needed"],
    "for 5 days": ["x5d", "x 5 days", "for 5 days"],
    "for 7 days": ["x7d", "x 7 days", "for 7 days"],
    "for 10 days": ["x10d", "x 10 days", "for 10 days"],
    "both eyes": ["OU", "both eyes"],
    "left eye": ["OS", "left eye"],
    "right eye": ["OD", "right eye"],
    "hold if SBP below 100": ["hold if SBP below 100", "hold for SBP <100"],
    "hold if HR below 55": ["hold if HR below 55", "hold for HR <55"],
}

# Units follow a number and one space: 40mg is annotated as "40 mg".
UNITS = {
    "mg": ["mg"],
    "mcg": ["mcg", "ug"],
    "g": ["g", "gm"],
    "units": ["units", "u"],
    "mEq": ["mEq", "meq"],
    "mL": ["mL", "ml", "cc"],
    "puff": ["puff"],
    "puffs": ["puffs"],
    "tablets": ["tabs", "tablets"],
    "tablet": ["tab", "tablet"],
    "drop": ["drop", "gtt"],
}

# All conventions in one table, for whoever compares an answer with its note.
SAME = {"frequency": FREQUENCIES, "route": ROUTES, "instructions": INSTRUCTIONS, "unit": UNITS}

# specialty, generic name, other names, doses, unit, routes, frequencies, instructions
DRUGS = [
    ("cardiology", "lisinopril", ["Zestril", "Prinivil"], ["5", "10", "20", "40"], "mg", ["oral"], ["once daily", "every morning"], ["hold if SBP below 100"]),
    ("cardiology", "metoprolol", ["Lopressor", "Toprol"], ["12.5", "25", "50", "100"], "mg", ["oral"], ["twice daily", "once daily", "every 12 hours"], ["hold if HR below 55", "with food"]),
    ("cardiology", "furosemide", ["Lasix"], ["20", "40", "80"], "mg", ["oral", "intravenous"], ["once daily", "twice daily", "every morning"], []),
    ("cardiology", "amlodipine", ["Norvasc"], ["2.5", "5", "10"], "mg", ["oral"], ["once daily", "at bedtime"], ["hold if SBP below 100"]),
    ("cardiology", "apixaban", ["Eliquis"], ["2.5", "5"], "mg", ["oral"], ["twice daily"], []),
    ("cardiology", "warfarin", ["Coumadin"], ["2", "2.5", "5", "7.5"], "mg", ["oral"], ["every evening", "once daily"], []),
    ("cardiology", "atorvastatin", ["Lipitor"], ["10", "20", "40", "80"], "mg", ["oral"], ["at bedtime", "once daily"], []),
    ("cardiology", "rosuvastatin", ["Crestor"], ["5", "10", "20"], "mg", ["oral"], ["once daily", "at bedtime"], []),
    ("cardiology", "carvedilol", ["Coreg"], ["3.125", "6.25", "12.5", "25"], "mg", ["oral"], ["twice daily"], ["with food", "hold if SBP below 100"]),
    ("cardiology", "losartan", ["Cozaar"], ["25", "50", "100"], "mg", ["oral"], ["once daily"], []),
    ("cardiology", "spironolactone", ["Aldactone"], ["12.5", "25", "50"], "mg", ["oral"], ["once daily", "every other day"], []),
    ("cardiology", "digoxin", ["Lanoxin"], ["125", "250"], "mcg", ["oral"], ["once daily", "every other day"], ["hold if HR below 55"]),
    ("cardiology", "aspirin", ["ASA"], ["81", "325"], "mg", ["oral"], ["once daily"], ["with food"]),
    ("cardiology", "clopidogrel", ["Plavix"], ["75"], "mg", ["oral"], ["once daily"], []),
    ("cardiology", "hydrochlorothiazide", ["HCTZ"], ["12.5", "25"], "mg", ["oral"], ["once daily", "every morning"], []),
    ("cardiology", "nitroglycerin", ["Nitrostat", "NTG"], ["0.4"], "mg", ["sublingual"], [], ["as needed for chest pain"]),
    ("cardiology", "enoxaparin", ["Lovenox"], ["30", "40", "60", "80"], "mg", ["subcutaneous"], ["once daily", "every 12 hours"], []),
    ("cardiology", "potassium chloride", ["KCl", "K-Dur"], ["10", "20", "40"], "mEq", ["oral"], ["once daily", "twice daily"], ["with food"]),
    ("cardiology", "clonidine", ["Catapres"], ["0.1", "0.2"], "mg", ["oral", "transdermal"], ["twice daily", "once weekly"], []),
    ("endocrine", "metformin", ["Glucophage"], ["500", "850", "1000"], "mg", ["oral"], ["twice daily", "once daily"], ["with food"]),
    ("endocrine", "glipizide", ["Glucotrol"], ["2.5", "5", "10"], "mg", ["oral"], ["once daily", "twice daily"], ["before meals"]),
    ("endocrine", "insulin glargine", ["Lantus", "Basaglar"], ["10", "14", "18", "22", "30"], "units", ["subcutaneous"], ["at bedtime", "once daily", "every morning"], []),
    ("endocrine", "insulin lispro", ["Humalog"], ["4", "6", "8", "10"], "units", ["subcutaneous"], ["three times daily"], ["before meals"]),
    ("endocrine", "semaglutide", ["Ozempic"], ["0.25", "0.5", "1"], "mg", ["subcutaneous"], ["once weekly"], []),
    ("endocrine", "levothyroxine", ["Synthroid"], ["25", "50", "75", "88", "112"], "mcg", ["oral"], ["every morning", "once daily"], ["on an empty stomach"]),
    ("endocrine", "empagliflozin", ["Jardiance"], ["10", "25"], "mg", ["oral"], ["every morning", "once daily"], []),
    ("endocrine", "prednisone", ["Deltasone"], ["5", "10", "20", "40"], "mg", ["oral"], ["once daily", "every morning"], ["with food", "for 5 days", "for 7 days"]),
    ("endocrine", "alendronate", ["Fosamax"], ["70"], "mg", ["oral"], ["once weekly"], ["on an empty stomach"]),
    ("endocrine", "cholecalciferol", ["vitamin D3"], ["1000", "2000"], "units", ["oral"], ["once daily"], []),
    ("pulmonary", "albuterol", ["Ventolin", "ProAir"], ["1", "2"], "puffs", ["inhaled"], ["every 4 hours", "every 6 hours"], ["as needed for wheezing", "as needed for SOB"]),
    ("pulmonary", "fluticasone", ["Flovent"], ["1", "2"], "puffs", ["inhaled"], ["twice daily"], []),
    ("pulmonary", "tiotropium", ["Spiriva"], ["18"], "mcg", ["inhaled"], ["once daily"], []),
    ("pulmonary", "montelukast", ["Singulair"], ["10"], "mg", ["oral"], ["at bedtime", "every evening"], []),
    ("pulmonary", "benzonatate", ["Tessalon"], ["100", "200"], "mg", ["oral"], ["three times daily"], ["as needed for cough"]),
    ("pulmonary", "guaifenesin", ["Mucinex"], ["600"], "mg", ["oral"], ["every 12 hours"], ["as needed for cough"]),
    ("infection", "amoxicillin", ["Amoxil"], ["500", "875"], "mg", ["oral"], ["three times daily", "twice daily"], ["for 7 days", "for 10 days"]),
    ("infection", "azithromycin", ["Zithromax", "Z-Pak"], ["250", "500"], "mg", ["oral", "intravenous"], ["once daily"], ["for 5 days"]),
    ("infection", "cephalexin", ["Keflex"], ["250", "500"], "mg", ["oral"], ["four times daily", "every 6 hours"], ["for 7 days"]),
    ("infection", "ceftriaxone", ["Rocephin"], ["1", "2"], "g", ["intravenous", "intramuscular"], ["once daily"], ["for 5 days"]),
    ("infection", "vancomycin", ["Vanc"], ["1", "1.25"], "g", ["intravenous"], ["every 12 hours", "every 8 hours"], []),
    ("infection", "doxycycline", ["Vibramycin"], ["100"], "mg", ["oral"], ["twice daily"], ["with food", "for 10 days"]),
    ("infection", "ciprofloxacin", ["Cipro"], ["250", "500"], "mg", ["oral"], ["twice daily", "every 12 hours"], ["for 7 days"]),
    ("infection", "nitrofurantoin", ["Macrobid"], ["100"], "mg", ["oral"], ["twice daily"], ["with food", "for 5 days"]),
    ("infection", "valacyclovir", ["Valtrex"], ["500", "1000"], "mg", ["oral"], ["twice daily", "three times daily"], ["for 7 days"]),
    ("pain", "acetaminophen", ["Tylenol", "APAP"], ["325", "500", "650"], "mg", ["oral", "rectal"], ["every 6 hours", "every 4 hours"], ["as needed for pain", "as needed for fever"]),
    ("pain", "ibuprofen", ["Advil", "Motrin"], ["200", "400", "600"], "mg", ["oral"], ["every 6 hours", "every 8 hours", "three times daily"], ["as needed for pain", "with food"]),
    ("pain", "oxycodone", ["Roxicodone"], ["5", "10"], "mg", ["oral"], ["every 4 hours", "every 6 hours"], ["as needed for pain"]),
    ("pain", "gabapentin", ["Neurontin"], ["100", "300", "600"], "mg", ["oral"], ["three times daily", "at bedtime"], []),
    ("pain", "tramadol", ["Ultram"], ["50"], "mg", ["oral"], ["every 6 hours", "every 8 hours"], ["as needed for pain"]),
    ("pain", "cyclobenzaprine", ["Flexeril"], ["5", "10"], "mg", ["oral"], ["at bedtime", "three times daily"], ["as needed for spasm"]),
    ("pain", "ketorolac", ["Toradol"], ["15", "30"], "mg", ["intramuscular", "intravenous"], ["every 6 hours"], ["as needed for pain"]),
    ("pain", "diclofenac gel", ["Voltaren"], ["2", "4"], "g", ["topical"], ["four times daily", "twice daily"], []),
    ("pain", "fentanyl", ["Duragesic"], ["12", "25", "50"], "mcg", ["transdermal"], [], []),
    ("gastro", "omeprazole", ["Prilosec"], ["20", "40"], "mg", ["oral"], ["once daily", "every morning"], ["before meals"]),
    ("gastro", "pantoprazole", ["Protonix"], ["40"], "mg", ["oral", "intravenous"], ["once daily", "twice daily"], ["before meals"]),
    ("gastro", "ondansetron", ["Zofran"], ["4", "8"], "mg", ["oral", "intravenous", "sublingual"], ["every 8 hours", "every 6 hours"], ["as needed for nausea"]),
    ("gastro", "famotidine", ["Pepcid"], ["20", "40"], "mg", ["oral"], ["twice daily", "at bedtime"], []),
    ("gastro", "senna", ["Senokot"], ["1", "2"], "tablets", ["oral"], ["at bedtime", "twice daily"], ["as needed for constipation"]),
    ("gastro", "bisacodyl", ["Dulcolax"], ["10"], "mg", ["rectal", "oral"], ["once daily"], ["as needed for constipation"]),
    ("gastro", "sucralfate", ["Carafate"], ["1"], "g", ["oral"], ["four times daily"], ["before meals"]),
    ("gastro", "lactulose", ["Enulose"], ["15", "30"], "mL", ["oral"], ["three times daily", "twice daily"], []),
    ("psychiatry", "sertraline", ["Zoloft"], ["25", "50", "100"], "mg", ["oral"], ["once daily", "every morning"], []),
    ("psychiatry", "escitalopram", ["Lexapro"], ["5", "10", "20"], "mg", ["oral"], ["once daily", "every morning"], []),
    ("psychiatry", "quetiapine", ["Seroquel"], ["25", "50", "100"], "mg", ["oral"], ["at bedtime", "twice daily"], []),
    ("psychiatry", "lithium", ["Lithobid"], ["300", "450"], "mg", ["oral"], ["twice daily", "three times daily"], ["with food"]),
    ("psychiatry", "lorazepam", ["Ativan"], ["0.5", "1"], "mg", ["oral", "intravenous", "sublingual"], ["every 8 hours", "every 6 hours"], ["as needed for anxiety"]),
    ("psychiatry", "trazodone", ["Desyrel"], ["50", "100"], "mg", ["oral"], ["at bedtime"], ["as needed for sleep"]),
    ("psychiatry", "haloperidol", ["Haldol"], ["2", "5"], "mg", ["intramuscular", "oral"], ["every 6 hours", "twice daily"], ["as needed for agitation"]),
    ("psychiatry", "bupropion", ["Wellbutrin"], ["150", "300"], "mg", ["oral"], ["every morning", "once daily"], []),
    ("eye", "latanoprost", ["Xalatan"], ["1"], "drop", ["ophthalmic"], ["at bedtime", "every evening"], ["both eyes", "left eye", "right eye"]),
    ("eye", "timolol", ["Timoptic"], ["1"], "drop", ["ophthalmic"], ["twice daily"], ["both eyes", "left eye", "right eye"]),
    ("eye", "ofloxacin drops", ["Ocuflox"], ["1"], "drop", ["ophthalmic"], ["four times daily"], ["left eye", "right eye", "for 7 days"]),
]

# Names that appear only as allergies.
ALLERGENS = ["penicillin", "PCN", "sulfa", "codeine", "latex", "morphine", "iodine", "shellfish", "NSAIDs"]
REACTIONS = ["rash", "hives", "swelling", "GI upset", "anaphylaxis", "itching"]

PROBLEMS = {
    "cardiology": ["CHF", "HTN", "afib", "CAD", "chest pain", "leg swelling", "high BP"],
    "endocrine": ["DM2", "hypothyroid", "high sugars", "osteoporosis", "weight gain"],
    "pulmonary": ["asthma", "COPD", "cough", "SOB", "wheezing"],
    "infection": ["cellulitis", "UTI", "pneumonia", "sinusitis", "fever"],
    "pain": ["back pain", "knee OA", "neuropathy", "post op pain", "migraine"],
    "gastro": ["GERD", "nausea", "constipation", "ulcer", "cirrhosis"],
    "psychiatry": ["depression", "anxiety", "insomnia", "bipolar", "agitation"],
    "eye": ["glaucoma", "red eye", "eye pressure up"],
}

# Numbers that look like doses and are not.
LABS = [
    ("K", ["2.9", "3.4", "4.1", "5.6"], ""), ("Cr", ["0.9", "1.4", "2.2"], ""), ("INR", ["1.8", "2.5", "3.6"], ""),
    ("A1c", ["6.8", "8.1", "10.2"], ""), ("glucose", ["95", "180", "240"], " mg/dL"), ("LDL", ["70", "130", "162"], " mg/dL"),
    ("TSH", ["0.4", "2.5", "9.1"], ""), ("Hgb", ["8.2", "10", "13.5"], ""), ("BNP", ["250", "900"], ""), ("WBC", ["7.5", "14"], ""),
    ("Na", ["128", "136", "140"], " mEq/L"), ("BP", ["110/70", "150/90", "98/60"], ""), ("HR", ["52", "88", "110"], ""),
    ("wt", ["62", "81", "104"], " kg"), ("temp", ["37.1", "38.6"], ""),
]
# A drug's level in the blood: names a drug that is not given here.
LEVELS = {"digoxin": ["0.8", "1.9"], "lithium": ["0.6", "1.1"], "vancomycin": ["12", "18"]}

WHY_STOPPED = ["cough", "dizziness", "cost", "rash", "bleeding", "low BP", "no benefit", "nausea", "AKI"]
WHY_HELD = ["surgery", "AKI", "contrast", "low BP", "procedure", "bleeding", "NPO"]
